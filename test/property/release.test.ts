import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { Entry } from '../../src/carrier/carrier.ts'
import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { CookieNames } from '../../src/http/cookie-names.ts'
import { parseSetCookie } from '../../src/http/cookies.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { sessionCases } from '../support/cases.ts'
import { keptLog } from '../support/kept-log.ts'
import { BrowserJar } from './browser-jar.ts'

/**
 * An app whose whole state is one cookie, on replicas some of which have a sidecar that keeps it, some one that hands it back, and some none any more. The
 * client is a browser, which has its token throughout.
 */
class Rollback {
  readonly #jar = new BrowserJar()
  readonly #place = { host: 'app.example', path: '/', secure: true }
  readonly #entries = new Map<string, Entry>()
  readonly #carriers = { keeps: this.#carrier(false), releases: this.#carrier(true) }
  #now = 1_700_000_000_000

  #carrier(release: boolean) {
    const telemetry = { cookieReleased: () => undefined }
    return cookiesCarrier({ names: new CookieNames(['state']), adopt: false, release: release ? { telemetry } : undefined, touchIntervalMs: 60_000, log: keptLog() })
  }

  wait(ms: number): void {
    this.#now += ms
  }

  /** What the app is told by the client, as it would be without a sidecar. */
  sends(): string | undefined {
    return this.#jar.sends(this.#place, this.#now)[0]?.value
  }

  /** A request that is answered with `setCookie`, if any; what the app has heard. `lost`: the client never gets the answer. */
  async request(replica: 'keeps' | 'releases' | 'bare', setCookie: string | undefined, lost = false): Promise<string | undefined> {
    const sent = this.#jar.sends(this.#place, this.#now).map(({ name, value }) => ({ name, value }))
    const request: RequestHead = { ...this.#place, method: 'GET', target: '/', headers: [], cookies: replica === 'bare' ? sent : [], dropped: replica === 'bare' ? [] : sent }
    const response = { status: 200, headers: setCookie === undefined ? [] : ['Set-Cookie', setCookie] }
    if (replica !== 'bare') {
      const under = await this.#carriers[replica].begin({ id: undefined, entries: new Map(this.#entries), now: () => this.#now }, request)
      const { set, remove } = under.capture(response)
      for (const name of remove) this.#entries.delete(name)
      for (const [name, entry] of set) this.#entries.set(name, entry)
      await under.settle('complete')
    }
    if (!lost) {
      for (const header of response.headers.filter((_, i) => i % 2 === 1)) {
        const parsed = parseSetCookie(header)
        if (parsed !== undefined) this.#jar.receive(parsed, this.#place, this.#now)
      }
    }
    expect(request.cookies.length).toBeLessThan(2)
    return request.cookies[0]?.value
  }
}

interface Step {
  readonly replica: 0 | 1
  readonly does: 'reads' | 'sets' | 'repeats' | 'deletes'
  readonly lost: boolean
  readonly wait: number
}

const step: fc.Arbitrary<Step> = fc.record({
  replica: fc.constantFrom(0, 1),
  does: fc.constantFrom('reads', 'sets', 'sets', 'repeats', 'deletes'),
  lost: fc.constantFrom(false, false, true),
  wait: fc.constantFrom(1, 1, 1_000, 30_000),
})

const steps = fc.array(step, { maxLength: 12 })

it('a rollback in two steps loses no write of the app and brings nothing back, whoever serves the requests', async () => {
  await fc.assert(fc.asyncProperty(steps, steps, steps, async (before, first, second) => {
    const site = new Rollback()
    let state: string | undefined
    let last = 'none'
    let count = 0
    const play = async ({ replica, does, lost, wait }: Step, replicas: readonly ('keeps' | 'releases' | 'bare')[]): Promise<void> => {
      site.wait(wait)
      if (does === 'sets') {
        count += 1
        last = `v${count}`
      }
      const setCookie = does === 'reads' ? undefined : does === 'deletes' ? 'state=; Path=/; Max-Age=0' : `state=${last}; Path=/; HttpOnly`
      expect(await site.request(replicas[replica] ?? 'bare', setCookie, lost)).toBe(state)
      state = does === 'reads' ? state : does === 'deletes' ? undefined : last
    }
    for (const each of before) await play({ ...each, lost: each.lost && state !== undefined && each.does !== 'deletes' }, ['keeps', 'keeps'])
    // Step 1: one sidecar after the other. The store is the truth, so answers may be lost; but for those that bring or take a login, and the token with it.
    for (const each of first) await play({ ...each, lost: each.lost && each.does !== 'deletes' && state !== undefined }, ['keeps', 'releases'])
    // All sidecars release, and the client has come by.
    for (const wait of [0, 0, 11_000]) await play({ replica: 0, does: 'reads', lost: false, wait }, ['releases', 'releases'])
    expect(site.sends()).toBe(state)
    // Step 2: one sidecar after the other is gone. The client is the truth, as it will be from here on.
    for (const each of second) {
      await play({ ...each, lost: false }, ['releases', 'bare'])
      // Requests that were under way before the client had its cookie do not have it either. They are told from a logout by their age.
      if (each.does === 'deletes') site.wait(11_000)
    }
    await play({ replica: 0, does: 'reads', lost: false, wait: 0 }, ['bare', 'bare'])
    expect(site.sends()).toBe(state)
  }), sessionCases(1_000))
})
