import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/carrier/carrier.ts'
import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { CookieNames } from '../../src/http/cookie-names.ts'
import { formatCookieHeader, parseCookieHeader, parseSetCookie } from '../../src/http/cookies.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { keptLog } from '../support/kept-log.ts'
import { BrowserJar, type Place, type SetByServer } from './browser-jar.ts'
import { parserCases, sessionCases } from '../support/cases.ts'

const START = 1_700_000_000_000

const place: fc.Arbitrary<Place> = fc.record({
  host: fc.constantFrom('example.org', 'a.example.org', 'b.a.example.org', 'other.org', '127.0.0.1'),
  path: fc.constantFrom('/', '/a', '/a/', '/a/b', '/ab'),
  secure: fc.boolean(),
})

const setByServer: fc.Arbitrary<SetByServer> = fc.record({
  name: fc.constantFrom('sid', 'remember_me', '__Host-h', '__Secure-s'),
  value: fc.constantFrom('', '1', '2', '"3"'),
  domain: fc.constantFrom(undefined, undefined, undefined, '', 'example.org', '.Example.org', 'a.example.org', 'other.org', '127.0.0.1', '0.0.1'),
  path: fc.constantFrom(undefined, undefined, '/', '/', '/a', '/a/', '/a/b', 'a', ''),
  maxAgeS: fc.option(fc.constantFrom(-1, 0, 1, 60, 3600, 10 ** 9), { nil: undefined, freq: 2 }),
  expires: fc.option(fc.constantFrom(0, START - 1000, START + 1000, START + 60_000, START + 4_000_000, START + 10 ** 12), { nil: undefined, freq: 2 }),
  secure: fc.boolean(),
})

interface Step {
  readonly wait: number
  readonly at: Place
  readonly sets: readonly SetByServer[]
}

const steps: fc.Arbitrary<Step[]> = fc.array(fc.record({ wait: fc.constantFrom(1, 1, 500, 1000, 59_000, 3_600_000), at: place, sets: fc.array(setByServer, { maxLength: 4 }) }), { minLength: 1, maxLength: 15 })

function written({ name, value, domain, path, maxAgeS, expires, secure }: SetByServer): string {
  const attributes = [
    domain === undefined ? '' : `; Domain=${domain}`, path === undefined ? '' : `; Path=${path}`, maxAgeS === undefined ? '' : `; Max-Age=${maxAgeS}`,
    expires === undefined ? '' : `; Expires=${new Date(expires).toUTCString()}`, secure ? '; Secure' : '', '; HttpOnly',
  ]
  return `${name}=${value}${attributes.join('')}`
}

/** The carrier over a store that keeps entries in no particular order and forgets those that have run out. */
function vault(touchIntervalMs: number) {
  const carrier = cookiesCarrier({ names: new CookieNames(['sid', 'remember_*', '__*']), adopt: false, touchIntervalMs, log: keptLog() })
  let entries = new Map<string, Entry>()
  return {
    async exchange({ at, sets }: Step, now: number) {
      entries = new Map([...entries].filter(([, { expiresAt }]) => expiresAt === undefined || expiresAt > now).toReversed())
      const request: RequestHead = { ...at, method: 'GET', target: at.path, headers: [], cookies: [{ name: 'own', value: '0' }], dropped: [] }
      const under = await carrier.begin({ id: undefined, entries: new Map(entries), now: () => now }, request)
      const heard = request.cookies
      const response = { status: 200, headers: ['Vary', 'a', ...sets.flatMap((set) => ['Set-Cookie', written(set)]), 'set-cookie', 'own=1; Path=/'] }
      const { set, remove } = under.capture(response)
      for (const name of remove) entries.delete(name)
      for (const [name, entry] of set) entries.set(name, entry)
      return { heard: heard.slice(1).map(({ name, value }) => ({ name, value })), own: heard[0], passed: response.headers }
    },
  }
}

describe('over any history of requests and Set-Cookie headers', () => {
  it('the app hears exactly what a browser would have sent', async () => {
    await fc.assert(fc.asyncProperty(steps, async (history) => {
      const [jar, vaulted] = [new BrowserJar(), vault(0)]
      let now = START
      for (const step of history) {
        now += step.wait
        const { heard, own, passed } = await vaulted.exchange(step, now)
        expect(heard).toEqual(jar.sends(step.at, now).map(({ name, value }) => ({ name, value })))
        expect(own).toEqual({ name: 'own', value: '0' })
        expect(passed).toEqual(['Vary', 'a', 'set-cookie', 'own=1; Path=/'])
        for (const set of step.sets) jar.receive(set, step.at, now)
      }
    }), sessionCases(3_000))
  })

  it('at the most, a cookie ends earlier by less than the touch interval, where its expiry was moved by less', async () => {
    const touchIntervalMs = 60_000
    await fc.assert(fc.asyncProperty(steps, async (history) => {
      const [jar, vaulted] = [new BrowserJar(), vault(touchIntervalMs)]
      let now = START
      for (const step of history) {
        now += step.wait
        const { heard } = await vaulted.exchange(step, now)
        const sent = jar.sends(step.at, now)
        expect(sent.map(({ name, value }) => ({ name, value }))).toEqual(expect.arrayContaining(heard))
        const missing = sent.filter(({ name, value }) => !heard.some((pair) => pair.name === name && pair.value === value))
        for (const { endsAt } of missing) expect(endsAt - now).toBeLessThan(touchIntervalMs)
        for (const set of step.sets) jar.receive(set, step.at, now)
      }
    }), parserCases(1_000))
  })
})

describe('cookies on the wire', () => {
  const name = fc.stringMatching(/^[!#-+\-.0-9A-Z^_`a-z|~]{1,10}$/)
  const value = fc.string({ unit: fc.integer({ min: 33, max: 255 }).filter((code) => code !== 59 && code !== 127).map((code) => String.fromCharCode(code)), maxLength: 12 })

  it('read as they were written', () => {
    fc.assert(fc.property(fc.array(fc.record({ name, value }), { maxLength: 6 }), (pairs) => {
      expect(parseCookieHeader(formatCookieHeader(pairs))).toEqual(pairs)
    }), parserCases())
  })

  it('mean the same once they have been read and written', () => {
    fc.assert(fc.property(fc.string({ unit: fc.oneof(fc.constantFrom(...Array.from('=; "ab\t')), value), maxLength: 20 }), (header) => {
      const pairs = parseCookieHeader(header)
      expect(parseCookieHeader(formatCookieHeader(pairs))).toEqual(pairs)
    }), parserCases(1_000))
  })

  it('set by a server read as they were meant', () => {
    fc.assert(fc.property(name, value, setByServer, (own, text, set) => {
      const parsed = parseSetCookie(written({ ...set, name: own, value: text }))
      expect(parsed).toMatchObject({ name: own, value: text, maxAgeS: set.maxAgeS, secure: set.secure })
      expect(parsed?.expires).toBe(set.expires === undefined ? undefined : Math.floor(set.expires / 1000) * 1000)
    }), parserCases())
  })

  it('never make the reader throw', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      for (const header of [text, `a=1; ${text}`, `a=1; Expires=${text}`]) parseSetCookie(header)
      parseCookieHeader(text)
    }), parserCases(1_000))
  })
})
