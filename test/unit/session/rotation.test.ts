import { beforeEach, describe, expect, it } from 'vitest'
import type { Changes, Entry } from '../../../src/carrier/carrier.ts'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { Sealing } from '../../../src/session/sealing.ts'
import type { Session } from '../../../src/session/session.ts'
import { StoreClock } from '../../../src/session/store-clock.ts'
import { type CommitOutcome, Sessions } from '../../../src/session/sessions.ts'
import { Tokens } from '../../../src/session/token.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import { silent } from '../../../src/telemetry.ts'

const IDLE = 1_800_000
const LIFETIME = 86_400_000
const PLAIN = { touch: true, release: false, lock: false }

let now = 0
let sessions: Sessions

beforeEach(() => {
  now = 1_000_000
  const clock = { now: () => now }
  const keyring = new Keyring(['a secret of thirty-two characters'])
  sessions = new Sessions({
    store: memoryStore({ clock }), tokens: new Tokens(keyring), sealing: new Sealing(keyring, clock), clock, storeClock: new StoreClock(clock), telemetry: silent,
    idleTimeoutMs: IDLE, lifetimeMs: LIFETIME, touchIntervalMs: 60_000, entryBytes: 1_000, sessionBytes: 10_000,
  })
})

const entry = (text: string): Entry => ({ value: Buffer.from(text), expiresAt: undefined })
const changes = (set: Record<string, string>, more: Partial<Changes> = {}): Changes =>
  ({ set: new Map(Object.entries(set).map(([name, text]) => [name, entry(text)])), remove: new Set(), ...more })
const texts = (session: Session | undefined): Record<string, string> | undefined =>
  session === undefined ? undefined : Object.fromEntries([...session.entries].map(([name, { value }]) => [name, Buffer.from(value).toString()]))

function committed(outcome: CommitOutcome): Session {
  if (outcome.state !== 'committed') throw new Error(`expected a commit, got ${outcome.state}`)
  return outcome.session
}

const made = async (set: Record<string, string>): Promise<Session> => committed(await sessions.commit(undefined, changes(set), PLAIN))
const opened = async (session: Session): Promise<Session> => {
  const found = await sessions.open(session.token, { touch: false })
  if (found === undefined) throw new Error('the session is gone')
  return found
}

describe('rotation', () => {
  it('moves the whole session under a new token, in the commit that asks for it', async () => {
    const before = await made({ id: 'one', cart: 'full' })
    const after = committed(await sessions.commit(before, changes({ id: 'two' }, { rotate: true }), PLAIN))
    expect(after.token.storeKey).not.toBe(before.token.storeKey)
    expect(texts(await opened(after))).toEqual({ id: 'two', cart: 'full' })
  })

  it('lets the old token reach the same session for 10 s, then nothing', async () => {
    const before = await made({ id: 'one' })
    const after = committed(await sessions.commit(before, changes({ id: 'two' }, { rotate: true }), PLAIN))
    now += 9_999
    const followed = await opened(before)
    expect(followed.token.storeKey).toBe(after.token.storeKey)
    expect(texts(followed)).toEqual({ id: 'two' })
    now += 1
    expect(await sessions.open(before.token, { touch: true })).toBeUndefined()
    expect(texts(await opened(after))).toEqual({ id: 'two' })
  })

  it('takes along what a parallel request wrote between reading and rotating', async () => {
    const session = await made({ id: 'one' })
    const slow = await opened(session)
    committed(await sessions.commit(await opened(session), changes({ cart: 'full' }), PLAIN))
    const after = committed(await sessions.commit(slow, changes({ id: 'two' }, { rotate: true }), PLAIN))
    expect(texts(await opened(after))).toEqual({ id: 'two', cart: 'full' })
  })

  it('brings what an old request writes late to the successor', async () => {
    const session = await made({ id: 'one' })
    const slow = await opened(session)
    const after = committed(await sessions.commit(session, changes({ id: 'two' }, { rotate: true }), PLAIN))
    const late = committed(await sessions.commit(slow, changes({ cart: 'full' }), PLAIN))
    expect(late.token.storeKey).toBe(after.token.storeKey)
    expect(texts(await opened(after))).toEqual({ id: 'two', cart: 'full' })
  })

  it('brings what was in flight for longer than the grace to the successor all the same', async () => {
    const session = await made({ id: 'one' })
    const slow = await opened(session)
    const after = committed(await sessions.commit(session, changes({ id: 'two' }, { rotate: true }), PLAIN))
    now += 30_000
    expect(await sessions.open(session.token, { touch: true })).toBeUndefined()
    expect(committed(await sessions.commit(slow, changes({ upload: 'done' }), PLAIN)).token.storeKey).toBe(after.token.storeKey)
    expect(texts(await opened(after))).toEqual({ id: 'two', upload: 'done' })
  })

  it('ends in one session when two requests rotate at the same time', async () => {
    const session = await made({ id: 'one' })
    const [a, b] = [await opened(session), await opened(session)]
    const [first, second] = await Promise.all([
      sessions.commit(a, changes({ id: 'two', a: '1' }, { rotate: true }), PLAIN),
      sessions.commit(b, changes({ id: 'three', b: '1' }, { rotate: true }), PLAIN),
    ])
    expect(committed(first).token.storeKey).toBe(committed(second).token.storeKey)
    expect(texts(await opened(committed(first)))).toMatchObject({ a: '1', b: '1' })
  })

  it('does not bring back a session that was destroyed meanwhile', async () => {
    const session = await made({ id: 'one' })
    const slow = await opened(session)
    await sessions.destroy(session)
    expect(await sessions.commit(slow, changes({ id: 'two' }, { rotate: true }), PLAIN)).toEqual({ state: 'gone' })
    expect(await sessions.open(session.token, { touch: true })).toBeUndefined()
  })

  it('does not prolong the lifetime', async () => {
    let session = await made({ id: '0' })
    // 49 steps of 29 minutes: never idle for long, and 19 minutes short of a day.
    for (let step = 1; step <= 49; step += 1) {
      now += 1_740_000
      session = committed(await sessions.commit(await opened(session), changes({ id: String(step) }, { rotate: true }), PLAIN))
    }
    now = 1_000_000 + LIFETIME - 1
    committed(await sessions.commit(session, changes({ id: 'last' }), PLAIN))
    expect(await sessions.open(session.token, { touch: true })).toBeDefined()
    now += 1
    expect(await sessions.open(session.token, { touch: true })).toBeUndefined()
  })

  it('hands the lease on to the new token, so that the next request still waits for this one', async () => {
    const { signal } = new AbortController()
    const session = await made({ id: 'one' })
    const holder = await sessions.open(session.token, { touch: false, wait: { ms: 1_000, signal } })
    if (holder === undefined) throw new Error('the session is gone')
    const after = committed(await sessions.commit(holder, changes({ id: 'two' }, { rotate: true }), { ...PLAIN, lock: true }))
    expect(after.lease).toBeDefined()
    await expect(sessions.open(after.token, { touch: false, wait: { ms: 0, signal } })).rejects.toMatchObject({ code: 'session_busy' })
    await sessions.release(after)
    const next = await sessions.open(session.token, { touch: false, wait: { ms: 1_000, signal } })
    expect(texts(next)).toEqual({ id: 'two' })
    if (next !== undefined) await sessions.release(next)
  })
})

describe('the end of a session', () => {
  it('follows it to the token that it was given meanwhile', async () => {
    const before = await made({ id: 'one' })
    const loggingOut = await opened(before)
    const after = committed(await sessions.commit(await opened(before), changes({ id: 'two' }, { rotate: true }), PLAIN))
    expect(await sessions.commit(loggingOut, changes({}, { destroy: true }), PLAIN)).toEqual({ state: 'ended' })
    expect(await sessions.open(after.token, { touch: false })).toBeUndefined()
  })

  it('follows it also when the old token is good for nothing any more, and however often it was given a new one', async () => {
    const before = await made({ id: 'one' })
    const loggingOut = await opened(before)
    let last = before
    for (const id of ['two', 'three', 'four']) last = committed(await sessions.commit(last, changes({ id }, { rotate: true }), PLAIN))
    now += 15_000
    await sessions.commit(loggingOut, changes({}, { destroy: true }), PLAIN)
    expect(await sessions.open(last.token, { touch: false })).toBeUndefined()
  })

  it('takes along what others have added since it was opened', async () => {
    const before = await made({ id: 'one' })
    const loggingOut = await opened(before)
    await sessions.commit(await opened(before), changes({ cart: 'full' }), PLAIN)
    expect(await sessions.commit(loggingOut, changes({}, { destroy: true }), PLAIN)).toEqual({ state: 'ended' })
    expect(await sessions.open(before.token, { touch: false })).toBeUndefined()
    expect(await sessions.commit(before, changes({ late: 'write' }), PLAIN)).toEqual({ state: 'gone' })
  })
})
