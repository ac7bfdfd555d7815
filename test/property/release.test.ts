import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import type { CarrierExchange, Changes, Entry } from '../../src/carrier/carrier.ts'
import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { CookieNames } from '../../src/http/cookie-names.ts'
import { parseSetCookie } from '../../src/http/cookies.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { sessionCases } from '../support/cases.ts'
import { keptLog } from '../support/kept-log.ts'
import { BrowserJar } from './browser-jar.ts'

type Replica = 'keeps' | 'releases' | 'bare'

interface UnderWay {
  readonly exchange: CarrierExchange | undefined
  /** Of the session that it was begun with. */
  readonly version: number
  readonly heard: string | undefined
}

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
  /** Counts what is written to the store. */
  #version = 1

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

  /** A request that has come to its app. */
  async send(replica: Replica): Promise<UnderWay> {
    const sent = this.#jar.sends(this.#place, this.#now).map(({ name, value }) => ({ name, value }))
    const request: RequestHead = { ...this.#place, method: 'GET', target: '/', headers: [], cookies: replica === 'bare' ? sent : [], dropped: replica === 'bare' ? [] : sent }
    const exchange = replica === 'bare' ? undefined : await this.#carriers[replica].begin({ id: undefined, entries: new Map(this.#entries), now: () => this.#now }, request)
    expect(request.cookies.length).toBeLessThan(2)
    return { exchange, version: this.#version, heard: request.cookies[0]?.value }
  }

  /** Answers it with `setCookie`, if any. `lost`: the client never gets the answer. */
  async answer({ exchange, version }: UnderWay, setCookie: string | undefined, lost: boolean): Promise<void> {
    const response = { status: 200, headers: setCookie === undefined ? [] : ['Set-Cookie', setCookie] }
    if (exchange !== undefined) {
      this.#commit(exchange.capture(response), version)
      await exchange.settle('complete')
    }
    if (lost) return
    for (const header of response.headers.filter((_, i) => i % 2 === 1)) {
      const parsed = parseSetCookie(header)
      if (parsed !== undefined) this.#jar.receive(parsed, this.#place, this.#now)
    }
  }

  /** As a session is committed, which was read at `version`. */
  #commit(changes: Changes, version: number): void {
    const asRead = version === this.#version ? changes.ifUnchanged : undefined
    for (const { set, remove } of [changes, ...(asRead === undefined ? [] : [asRead])]) {
      for (const name of remove) this.#entries.delete(name)
      for (const [name, entry] of set) this.#entries.set(name, entry)
      if (set.size + remove.size > 0) this.#version += 1
    }
    asRead?.committed()
  }

  /** A request, and what the app has heard of it. */
  async request(replica: Replica, setCookie: string | undefined, lost = false): Promise<string | undefined> {
    const underWay = await this.send(replica)
    await this.answer(underWay, setCookie, lost)
    return underWay.heard
  }
}

interface Step {
  readonly replica: 0 | 1
  readonly does: 'reads' | 'sets' | 'repeats' | 'deletes'
  readonly lost: boolean
  /** Another request, on this replica, that reads, comes to the app before this one and is answered after it. */
  readonly beside: 0 | 1 | undefined
  readonly wait: number
}

const step: fc.Arbitrary<Step> = fc.record({
  replica: fc.constantFrom(0, 1),
  does: fc.constantFrom('reads', 'sets', 'sets', 'repeats', 'deletes'),
  lost: fc.constantFrom(false, false, true),
  beside: fc.constantFrom(undefined, undefined, 0, 1),
  wait: fc.constantFrom(1, 1, 1_000, 30_000),
})

const steps = fc.array(step, { maxLength: 12 })

it('a rollback in two steps loses no write of the app and brings nothing back, whoever serves the requests', async () => {
  await fc.assert(fc.asyncProperty(steps, steps, steps, async (before, first, second) => {
    const site = new Rollback()
    let state: string | undefined
    let last = 'none'
    let count = 0
    const play = async ({ replica, does, lost, beside, wait }: Step, replicas: readonly Replica[]): Promise<void> => {
      site.wait(wait)
      if (does === 'sets') {
        count += 1
        last = `v${count}`
      }
      const setCookie = does === 'reads' ? undefined : does === 'deletes' ? 'state=; Path=/; Max-Age=0' : `state=${last}; Path=/; HttpOnly`
      const slow = beside === undefined ? undefined : await site.send(replicas[beside] ?? 'bare')
      if (slow !== undefined) expect(slow.heard).toBe(state)
      expect(await site.request(replicas[replica] ?? 'bare', setCookie, lost)).toBe(state)
      if (slow !== undefined) await site.answer(slow, undefined, false)
      state = does === 'reads' ? state : does === 'deletes' ? undefined : last
    }
    for (const each of before) await play({ ...each, lost: each.lost && state !== undefined && each.does !== 'deletes' }, ['keeps', 'keeps'])
    // Step 1: one sidecar after the other. The store is the truth, so answers may be lost; but for those that bring or take a login, and the token with it.
    for (const each of first) await play({ ...each, lost: each.lost && each.does !== 'deletes' && state !== undefined }, ['keeps', 'releases'])
    // All sidecars release, and the client has come by.
    for (const wait of [0, 0, 11_000]) await play({ replica: 0, does: 'reads', lost: false, beside: undefined, wait }, ['releases', 'releases'])
    expect(site.sends()).toBe(state)
    // Step 2: one sidecar after the other is gone. The client is the truth, as it will be from here on.
    for (const each of second) {
      await play({ ...each, lost: false }, ['releases', 'bare'])
      // Requests that were under way before the client had its cookie do not have it either. They are told from a logout by their age.
      if (each.does === 'deletes') site.wait(11_000)
    }
    await play({ replica: 0, does: 'reads', lost: false, beside: undefined, wait: 0 }, ['bare', 'bare'])
    expect(site.sends()).toBe(state)
  }), sessionCases(1_000))
})
