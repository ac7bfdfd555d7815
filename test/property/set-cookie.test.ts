/** What an app may put into Set-Cookie, from the pieces that such a header is made of: read, kept and given back without a throw. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Entry } from '../../src/carrier/carrier.ts'
import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { readCookie, writeCookie } from '../../src/carrier/stored-cookie.ts'
import { CookieNames } from '../../src/http/cookie-names.ts'
import { formatCookieHeader, parseCookieDate, parseCookieHeader, parseSetCookie, setCookieName } from '../../src/http/cookies.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { parserCases } from '../support/cases.ts'
import { keptLog } from '../support/kept-log.ts'

const NOW = 1_700_000_000_000
const LATEST = NOW + 400 * 86_400_000

/** All that HTTP lets through in a header's value, and controls that it does not. */
const latin = fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 12 })
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(
    'sid', 'SID', 'remember_me', '__Host-h', '__Secure-s', '=', ';', '; ', ' ', '\t', '"', ',', 'Path=/', 'path', 'PATH=/a', 'Domain=app.example', 'domain=.', 'Domain=', 'Max-Age=0', 'max-age=-1', 'Max-Age=99999999999999999999999', 'Max-Age=1e9', 'Max-Age=+5',
    'Expires=', 'Expires=Wed, 09 Jun 2027 10:18:14 GMT', 'expires=Thu, 01-Jan-70 00:00:00 GMT', 'Expires=31 Feb 2027 0:0:0', 'Secure', 'secure=no', 'HttpOnly', 'SameSite=None', 'Partitioned', '\u00a0', '\u0085', '\u00ff', '\0', '\u007f', '\r', '\n',
  ) },
  { weight: 1, arbitrary: latin },
)
const header = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(''))
const date = fc.array(fc.oneof(fc.constantFrom('Wed', 'Jan', 'DEC', 'febx', '1', '01', '31', '32', '99', '1970', '69', '70', '2027', '99999', '10:18:14', '24:00:00', '1:2:3x', '1:2', ' ', '-', ',', '/', 'GMT', '\t'), latin), { maxLength: 12 }).map((pieces) => pieces.join(''))
const place: fc.Arbitrary<Pick<RequestHead, 'host' | 'path' | 'secure'>> = fc.record({ host: fc.constantFrom('app.example', 'a.app.example', '127.0.0.1', '[::1]', ''), path: fc.constantFrom('/', '/a', '/a/b'), secure: fc.boolean() })

function exchange(at: Pick<RequestHead, 'host' | 'path' | 'secure'>, entries: ReadonlyMap<string, Entry>, adopt: boolean) {
  const dropped = adopt ? [{ name: 'sid', value: 'own' }] : []
  const request: RequestHead = { ...at, method: 'GET', target: at.path, headers: [], cookies: [], dropped }
  const carrier = cookiesCarrier({ names: new CookieNames(['sid', 'remember_*', '__*']), adopt, touchIntervalMs: 60_000, log: keptLog() })
  const under = carrier.begin({ id: undefined, entries, now: () => NOW }, request)
  if (under instanceof Promise) throw new Error('the cookies carrier never waits')
  return { request, under }
}

describe('any Set-Cookie', () => {
  it('has the same name for whoever only looks for it, and ends at a time that there is', () => {
    fc.assert(fc.property(header, (text) => {
      const parsed = parseSetCookie(text)
      if (parsed === undefined) return
      expect(parsed.name).toBe(setCookieName(text))
      expect(parsed.expires === undefined || Number.isSafeInteger(parsed.expires)).toBe(true)
      expect(parsed.maxAgeS === undefined || !Number.isNaN(parsed.maxAgeS)).toBe(true)
      expect(parsed.path === undefined || parsed.path.startsWith('/')).toBe(true)
    }), parserCases())
  })

  it('is kept or ignored, and what is kept goes back in one Cookie header as the same pairs', () => {
    fc.assert(fc.property(fc.array(header, { maxLength: 4 }), place, fc.boolean(), (sets, at, adopt) => {
      const { under } = exchange(at, new Map(), adopt)
      const response = { status: 200, headers: sets.flatMap((set) => ['Set-Cookie', set]) }
      const { set, remove } = under.capture(response)
      for (const [name, entry] of set) {
        expect(name.length).toBeLessThanOrEqual(512)
        expect(remove.has(name)).toBe(false)
        if (entry.expiresAt !== undefined) expect(entry.expiresAt).toBeGreaterThan(NOW)
        expect(entry.expiresAt ?? NOW).toBeLessThanOrEqual(LATEST)
        expect(writeCookie(readCookie(entry.value))).toEqual(entry.value)
      }
      // Nothing of a vaulted name is left for the client, but the orders to forget its own.
      for (const [i, text] of response.headers.entries()) if (i % 2 === 1 && new CookieNames(['sid', 'remember_*', '__*']).has(setCookieName(text))) expect(text).toMatch(/; Max-Age=0(; Secure)?$/)
      const { request } = exchange(at, set, false)
      expect(parseCookieHeader(formatCookieHeader(request.cookies))).toEqual(request.cookies.map(({ name, value }) => ({ name, value })))
    }), parserCases())
  })

  it('with any date reads as a time within the calendar, or as none', () => {
    fc.assert(fc.property(date, (text) => {
      const at = parseCookieDate(text)
      if (at === undefined) return
      expect(new Date(at).getUTCFullYear()).toBeGreaterThanOrEqual(1601)
      // What is written from it reads the same, for years of four digits.
      if (new Date(at).getUTCFullYear() < 10_000) expect(parseCookieDate(new Date(at).toUTCString())).toBe(at)
    }), parserCases())
  })
})
