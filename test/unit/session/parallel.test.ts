/** Requests of one session at the same time, that know nothing of each other. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../../src/session/session.ts'
import type { Committed, Delta, SessionStore, StoreKey } from '../../../src/store/store.ts'
import { UnstickError } from '../../../src/errors.ts'
import { StoreClock } from '../../../src/session/store-clock.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import { changes, committed, entries, LIFETIME, IDLE, PLAIN, type Subject, subject, texts } from './session-subject.ts'

const MONTH = 30 * LIFETIME
const rotated = (set: Record<string, string>) => ({ ...changes(set), rotate: true })

let at: Subject
beforeEach(() => { at = subject() })

describe('parallel requests', () => {
  it('do not shorten how long another has asked the session to be remembered', async () => {
    const session = await at.made(entries({ a: '1' }))
    const slow = await at.opened(session)
    committed(await at.sessions.commit(await at.opened(session), { set: entries({ remember: ['me', at.clock.now() + MONTH] }), remove: new Set() }, PLAIN))
    const late = committed(await at.sessions.commit(slow, changes({ basket: 'full' }), PLAIN))
    // Its token cookie lasts as long as what it has not seen.
    expect(late.lastsMs).toBe(MONTH)
    at.clock.advance(IDLE)
    expect(texts(await at.opened(session))).toEqual({ remember: 'me' })
  })

  it('do not take for run out what another has just set anew', async () => {
    const session = await at.made(entries({ csrf: 'x', sid: ['old', at.clock.now() + 1_000] }))
    at.clock.advance(1_000)
    const slow = await at.opened(session)
    committed(await at.sessions.commit(await at.opened(session), changes({ sid: 'logged in' }), PLAIN))
    committed(await at.sessions.commit(slow, changes({ other: '1' }), PLAIN))
    expect(texts(await at.opened(session))).toEqual({ csrf: 'x', sid: 'logged in', other: '1' })
  })

  it('find the session of a visitor who came back, under the token that they were sent with', async () => {
    const session = await at.made(entries({ a: '1', remember: ['me', at.clock.now() + MONTH] }))
    at.clock.advance(IDLE)
    const [one, two] = [await at.opened(session), await at.opened(session)]
    const next = committed(await at.sessions.commit(one, changes({ sid: 'new' }), PLAIN))
    expect(texts(await at.opened(session))).toEqual({ remember: 'me', sid: 'new' })
    const other = committed(await at.sessions.commit(two, changes({ basket: 'full' }), PLAIN))
    expect(other.token.storeKey).toBe(next.token.storeKey)
    expect(texts(await at.opened(next))).toEqual({ remember: 'me', sid: 'new', basket: 'full' })
  })

  it('find the session through as many rotations as an app makes in a moment', async () => {
    const session = await at.made(entries({ id: '0' }))
    let current = session
    for (let i = 1; i <= 8; i += 1) current = committed(await at.sessions.commit(await at.opened(current), rotated({ id: String(i) }), PLAIN))
    expect(texts(await at.opened(session))).toEqual({ id: '8' })
    for (let i = 9; i <= 16; i += 1) current = committed(await at.sessions.commit(await at.opened(current), rotated({ id: String(i) }), PLAIN))
    // Too far to follow is a fault, which may be tried again, and not a miss.
    await expect(at.opened(session)).rejects.toThrow(expect.objectContaining({ code: 'session_busy' }))
  })
})

describe('requests that take turns and others that do not', () => {
  const inTurn = { touch: false, wait: { ms: 1_000, signal: new AbortController().signal } }

  it('rotate with what others wrote, also after the one with the turn has written once itself', async () => {
    const session = await at.made(entries({ id: 'one' }))
    const holder = await at.opened(session, inTurn)
    committed(await at.sessions.commit(await at.opened(session), changes({ cart: 'full' }), PLAIN))
    const head = committed(await at.sessions.commit(holder, changes({ seen: 'head' }), PLAIN))
    const end = committed(await at.sessions.commit(head, rotated({ id: 'two' }), { ...PLAIN, release: true }))
    expect(texts(await at.opened(end))).toEqual({ id: 'two', seen: 'head', cart: 'full' })
  })

  it('end the session when each takes out one of its last entries', async () => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    const [one, two] = [await at.opened(session), await at.opened(session)]
    committed(await at.sessions.commit(one, changes({}, ['a']), PLAIN))
    expect(await at.sessions.commit(two, changes({}, ['b']), PLAIN)).toEqual({ state: 'ended' })
  })

  it('do not wait for the lease of a session that could not be opened', async () => {
    const session = await at.made(entries({ a: '1' }))
    const other = at.beside({}, ['another secret, of more than thirty-two characters'])
    await expect(other.open(session.token, inTurn)).rejects.toThrow(expect.objectContaining({ code: 'store_unavailable' }))
    const found = await at.opened(session, { touch: false, wait: { ms: 0, signal: new AbortController().signal } })
    await at.sessions.release(found)
  })
})

describe('a commit that nobody will hear of', () => {
  it('stays under the token that is there, also where it would rotate or the session has lapsed', async () => {
    const session = await at.made(entries({ a: '1', remember: ['me', at.clock.now() + MONTH] }))
    const here = committed(await at.sessions.commit(await at.opened(session), rotated({ id: 'two' }), { ...PLAIN, inPlace: true }))
    expect(here.token.storeKey).toBe(session.token.storeKey)
    at.clock.advance(IDLE)
    const lapsed = committed(await at.sessions.commit(await at.opened(session), { set: entries({ more: ['x', at.clock.now() + MONTH] }), remove: new Set() }, { ...PLAIN, inPlace: true }))
    expect(lapsed.token.storeKey).toBe(session.token.storeKey)
    expect(texts(await at.opened(session))).toEqual({ remember: 'me', more: 'x' })
  })
})

describe('whoever comes with an old token after a rotation', () => {
  it('reads and writes for the grace, and gets no token', async () => {
    const session = await at.made(entries({ id: 'planted' }))
    committed(await at.sessions.commit(await at.opened(session), rotated({ id: 'victim' }), PLAIN))
    const follower = await at.opened(session)
    expect(follower.inherited).toBe(true)
    const wrote = committed(await at.sessions.commit(follower, rotated({ id: 'again' }), PLAIN))
    expect([wrote.inherited, wrote.token.storeKey]).toEqual([true, follower.token.storeKey])
  })

  it('gets none either when the rotation came between its reading and its writing', async () => {
    const session = await at.made(entries({ id: 'one' }))
    const slow = await at.opened(session)
    committed(await at.sessions.commit(await at.opened(session), rotated({ id: 'two' }), PLAIN))
    expect(committed(await at.sessions.commit(slow, changes({ a: '1' }), PLAIN)).inherited).toBe(true)
  })
})

describe('a store that loses its answer to a rotation', () => {
  function bound(target: object, name: string | symbol): unknown {
    const value: unknown = Reflect.get(target, name)
    return typeof value === 'function' ? value.bind(target) : value
  }

  /** Does what it is asked, and says that it failed. */
  function forgetful(store: SessionStore, forgets: (delta: Delta) => boolean): SessionStore {
    return new Proxy(store, {
      get(target, name) {
        if (name !== 'commit') return bound(target, name)
        return async (key: StoreKey, delta: Delta): Promise<Committed> => {
          const result = await target.commit(key, delta)
          if (forgets(delta)) throw new UnstickError('store_unavailable', 'The answer was lost.')
          return result
        }
      },
    })
  }

  it('is asked again, and the rotation counts', async () => {
    const lossy = at.beside({ store: forgetful(at.store, ({ move }) => move !== undefined) })
    const session = await at.made(entries({ id: 'one' }))
    const next = committed(await lossy.commit(await at.opened(session), rotated({ id: 'two' }), PLAIN))
    expect(texts(await at.opened(next))).toEqual({ id: 'two' })
  })

  it('leaves nobody waiting behind a lease that no request holds, when it stays away', async () => {
    const store = forgetful(at.store, ({ move }) => move !== undefined)
    let away = false
    const dead: SessionStore = new Proxy(store, {
      get: (target, name) => {
        if (name === 'open' && away) return () => Promise.reject(new UnstickError('store_unavailable', 'away'))
        return Reflect.get(target, name)
      },
    })
    const lossy = at.beside({ store: dead })
    const session = await at.made(entries({ id: 'one' }))
    const { signal } = new AbortController()
    const holder = await at.opened(session, { touch: false, wait: { ms: 0, signal } })
    away = true
    await expect(lossy.commit(holder, rotated({ id: 'two' }), { ...PLAIN, lock: true })).rejects.toThrow('The answer was lost.')
    const other = at.beside({})
    const found = await other.open(session.token, { touch: false, wait: { ms: 0, signal } })
    expect(texts(found)).toEqual({ id: 'two' })
    if (found !== undefined) await other.release(found)
    holder.letGo()
  })
})

describe('a sidecar whose clock is a minute off', () => {
  it('gives cookies of a new session the time that the store will take from them', async () => {
    const store = memoryStore({ clock: at.clock })
    const behind = { now: () => at.clock.now() - 60_000 }
    const off = subject({ store, clock: behind, storeClock: new StoreClock(behind) })
    // It has heard from the store before, as any sidecar soon has.
    await off.made(entries({ a: '1' }))
    expect(off.sessions.none.now()).toBe(at.clock.now())
  })
})

describe('a session with very many entries', () => {
  it('is refused what would be too many to open with every request', async () => {
    const many = entries(Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`cookie ${i}`, 'x'])))
    const roomy = at.beside({ sessionBytes: 1_000_000 })
    await expect(roomy.commit(undefined, { set: many, remove: new Set() }, PLAIN)).rejects.toThrow(expect.objectContaining({ code: 'too_large' }))
    const session: Session = committed(await roomy.commit(undefined, { set: new Map([...many].slice(0, 300)), remove: new Set() }, PLAIN))
    await expect(roomy.commit(session, changes({ 'one more': 'x' }), PLAIN)).rejects.toThrow(expect.objectContaining({ code: 'too_large' }))
  })
})
