import { beforeEach, describe, expect, it } from 'vitest'
import type { SessionStore, StoredRecord } from '../../../src/store/store.ts'
import { storeOver } from '../../support/store-over.ts'
import { changes, entries, LOOK, PLAIN, SECRET, type Subject, subject, texts, USE } from './session-subject.ts'

let at: Subject
beforeEach(() => { at = subject() })

const unavailable = expect.objectContaining({ code: 'store_unavailable' })
const busy = expect.objectContaining({ code: 'session_busy' })

describe('a store that was tampered with', () => {
  /** A store that shows its records as `change` leaves them. */
  const tampered = (store: SessionStore, change: (record: StoredRecord) => StoredRecord): SessionStore => storeOver(store, {
    async open(key, options) {
      const opened = await store.open(key, options)
      return opened.state === 'record' ? { ...opened, record: change(opened.record) } : opened
    },
  })
  const asSeen = async (change: (record: StoredRecord) => StoredRecord) => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    return at.beside({ store: tampered(at.store, change) }).open(session.token, USE)
  }

  it.each<[string, (record: StoredRecord) => StoredRecord]>([
    ['by a bit', (record) => ({ ...record, entries: new Map([...record.entries].map(([name, bytes]) => [name, bytes.with(20, (bytes[20] ?? 0) ^ 1)])) })],
    ['by swapping entries', ({ entries: map, ...head }) => ({ ...head, entries: new Map([['a', map.get('b') ?? Buffer.alloc(0)], ['b', map.get('a') ?? Buffer.alloc(0)]]) })],
    ['by cutting an entry', (record) => ({ ...record, entries: new Map([...record.entries].map(([name, bytes]) => [name, bytes.subarray(0, 20)])) })],
    ['by an empty entry', (record) => ({ ...record, entries: new Map([...record.entries, ['c', Buffer.alloc(0)]]) })],
  ])('%s is a fault, not a session and not a miss', async (_, change) => {
    await expect(asSeen(change)).rejects.toThrow(unavailable)
  })

  it('by giving one record to another session is a fault too', async () => {
    const other = await at.stored(await at.made(entries({ a: 'of somebody else' })))
    await expect(asSeen((record) => other ?? record)).rejects.toThrow(unavailable)
  })

  it('says what is wrong, without a word of what is in it', async () => {
    const error: unknown = await asSeen((record) => ({ ...record, entries: new Map([['a', Buffer.from('the word')]]) })).catch((thrown: unknown) => thrown)
    expect(String(error)).toMatch(/could not be opened.*Check "secret" and the store/)
    expect(String(error)).not.toContain('the word')
    expect(String(error)).not.toContain(SECRET)
  })
})

describe('a store that is away', () => {
  it('is a fault for every operation, and ends no session', async () => {
    const session = await at.made(entries({ a: '1' }))
    await at.store.close()
    await expect(at.sessions.open(session.token, USE)).rejects.toThrow(unavailable)
    await expect(at.sessions.commit(session, changes({ a: '2' }), PLAIN)).rejects.toThrow(unavailable)
    await expect(at.sessions.commit(session, changes({}, ['a']), PLAIN)).rejects.toThrow(unavailable)
    await expect(at.sessions.commit(undefined, changes({ a: '1' }), PLAIN)).rejects.toThrow(unavailable)
    await expect(at.sessions.destroy(session)).rejects.toThrow(unavailable)
    expect(at.reported).toEqual(['created', 'committed', 'failed', 'failed', 'failed'])
  })
})

describe('a lease', () => {
  const { signal } = new AbortController()
  const held = { touch: false, wait: { ms: 60_000, signal } }

  it('that ran out and went to another request lets nothing be written late', async () => {
    const session = await at.made(entries({ a: '1' }))
    const stalled = await at.opened(session, held)
    at.clock.advance(10_001)
    const other = at.beside({})
    const next = await other.open(session.token, held)
    if (next === undefined) throw new Error('the session is gone')
    await expect(at.sessions.commit(stalled, changes({ a: 'late' }), PLAIN)).rejects.toThrow(busy)
    await other.commit(next, changes({ a: 'next' }), { ...PLAIN, release: true })
    await expect(at.sessions.commit(stalled, changes({ a: 'later' }), PLAIN)).rejects.toThrow(busy)
    expect(texts(await at.opened(session))).toEqual({ a: 'next' })
    await at.sessions.release(stalled)
    expect(at.reported.filter((what) => what === 'fenced')).toHaveLength(2)
  })

  it('that ran out, and that nobody took, still lets its holder write', async () => {
    const session = await at.made(entries({ a: '1' }))
    const stalled = await at.opened(session, held)
    at.clock.advance(10_001)
    expect((await at.sessions.commit(stalled, changes({ a: '2' }), { ...PLAIN, release: true })).state).toBe('committed')
  })

  it('is given back by the commit that says so', async () => {
    const session = await at.made(entries({ a: '1' }))
    const holder = await at.opened(session, held)
    await at.sessions.commit(holder, changes({ a: '2' }), PLAIN)
    await expect(at.beside({}).open(session.token, { touch: false, wait: { ms: 0, signal } })).rejects.toThrow(busy)
    await at.sessions.commit(holder, changes({ a: '3' }), { ...PLAIN, release: true })
    expect(holder.lease).toBeUndefined()
    const next = await at.beside({}).open(session.token, { touch: false, wait: { ms: 0, signal } })
    expect(texts(next)).toEqual({ a: '3' })
    if (next !== undefined) await at.sessions.release(next)
  })

  it('is there from the start for a session made under a lock', async () => {
    const session = await at.made(entries({ a: '1' }), { ...PLAIN, lock: true })
    expect(session.lease).toBeDefined()
    await expect(at.beside({}).open(session.token, { touch: false, wait: { ms: 0, signal } })).rejects.toThrow(busy)
    await at.sessions.release(session)
    const next = await at.beside({}).open(session.token, { touch: false, wait: { ms: 0, signal } })
    expect(next?.lease).toBeDefined()
    if (next !== undefined) await at.sessions.release(next)
  })

  it('does not keep who waits behind it, when the session is destroyed under it', async () => {
    const session = await at.made(entries({ a: '1' }))
    const holder = await at.opened(session, held)
    const waiting = at.sessions.open(session.token, held)
    await at.sessions.destroy(await at.opened(session, LOOK))
    expect(await at.sessions.commit(holder, changes({ a: '2' }), { ...PLAIN, release: true })).toEqual({ state: 'gone' })
    expect(await waiting).toBeUndefined()
    expect(at.sessions.locks.waiting).toBe(0)
  })
})
