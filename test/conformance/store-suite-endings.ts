/** Destroying, moving, closing: what is gone stays gone. */
import { describe, expect, it } from 'vitest'
import { TOMBSTONE_MS } from '../../src/store/store.ts'
import { bytes, committed, create, given, grant, IDLE, LEASE, newKey, stateOf, texts, update } from './store-subject.ts'
import type { StoreSubject } from './store-subject.ts'

const GRACE = 100_000

export function endings(subject: () => StoreSubject): void {
  const justBefore = (ms: number): number => ms - Math.max(1, subject().slackMs)

  describe('destroy', () => {
    it('leaves a tombstone on which nothing can be created, updated, touched or locked', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      const lease = await grant(store, key, 'one')
      await second.destroy(key, TOMBSTONE_MS)
      expect(await store.open(key, { touch: { idleMs: IDLE, intervalMs: 0 } })).toEqual({ state: 'destroyed' })
      expect(await store.open(key, { known: 1, lock: { holder: 'one', leaseMs: LEASE } })).toEqual({ state: 'destroyed' })
      expect(await store.commit(key, create({ a: '2' }))).toEqual({ state: 'gone' })
      expect(await store.commit(key, update({ a: '2' }, { lease, ifVersion: 9 }))).toEqual({ state: 'gone' })
      expect(await store.renew(key, lease, LEASE)).toBe(false)
      await store.release(key, lease)
      expect(await stateOf(second, key)).toBe('destroyed')
    })

    it('happens in one step with the removal of the last entry, where the delta asks for it', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1', b: '2' })
      const last = { remove: new Set(['a', 'b', 'never there']), endIfEmptyMs: TOMBSTONE_MS }
      committed(await second.commit(key, update({ c: '3' })))
      committed(await store.commit(key, update({}, last)))
      expect(await texts(second, key)).toEqual({ c: '3' })
      expect(await store.commit(key, update({}, { remove: new Set(['c']), endIfEmptyMs: TOMBSTONE_MS }))).toEqual({ state: 'ended' })
      expect(await stateOf(second, key)).toBe('destroyed')
      expect(await second.commit(key, update({ d: '4' }))).toEqual({ state: 'gone' })
    })

    it('keeps a record that a delta with endIfEmptyMs sets something in', async () => {
      const { store } = subject()
      const key = await given(store, { a: '1' })
      committed(await store.commit(key, update({ b: '2' }, { remove: new Set(['a']), endIfEmptyMs: TOMBSTONE_MS })))
      expect(await texts(store, key)).toEqual({ b: '2' })
    })

    it('leaves one also where nothing was', async () => {
      const { store, second } = subject()
      const key = newKey()
      await store.destroy(key, TOMBSTONE_MS)
      expect(await stateOf(second, key)).toBe('destroyed')
      expect(await second.commit(key, create({ a: '1' }))).toEqual({ state: 'gone' })
    })

    it('stays destroyed whatever was in flight', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '0' })
      const writes = Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? store : second).commit(key, update({ [`e${i}`]: 'x' }, { idleMs: IDLE })))
      const [answers] = await Promise.all([Promise.all(writes), second.destroy(key, TOMBSTONE_MS)])
      for (const { state } of answers) expect(['committed', 'gone']).toContain(state)
      expect(await stateOf(store, key)).toBe('destroyed')
    })

    it('stands for its time, is not cut short by a second one, and then leaves nothing', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      await store.destroy(key, TOMBSTONE_MS)
      await store.destroy(key, 1000)
      await advance(justBefore(TOMBSTONE_MS))
      expect(await stateOf(second, key)).toBe('destroyed')
      await advance(TOMBSTONE_MS - justBefore(TOMBSTONE_MS))
      expect(await stateOf(second, key)).toBe('absent')
      committed(await store.commit(key, create({ fresh: '1' })))
      expect(await texts(second, key)).toEqual({ fresh: '1' })
    })
  })

  describe('move', () => {
    it('answers moved for the time of grace, then destroyed, then absent; to what was in flight, moved to the end', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' }, { keepMs: 10 * IDLE })
      const { head } = committed(await store.commit(key, update({}, { move: { successor: bytes('next'), graceMs: GRACE } })))
      expect(head.version).toBe(2)
      expect(await second.open(key, {})).toEqual({ state: 'moved', successor: bytes('next') })
      await advance(justBefore(GRACE))
      expect(await stateOf(second, key)).toBe('moved')
      await advance(GRACE - justBefore(GRACE))
      expect(await second.open(key, {})).toEqual({ state: 'destroyed' })
      await advance(justBefore(TOMBSTONE_MS))
      expect(await second.commit(key, create({ a: '2' }))).toEqual({ state: 'gone' })
      expect(await second.commit(key, update({ a: '2' }))).toEqual({ state: 'moved', successor: bytes('next') })
      await advance(TOMBSTONE_MS - justBefore(TOMBSTONE_MS))
      expect(await stateOf(second, key)).toBe('absent')
      expect(await second.commit(key, update({ a: '2' }))).toEqual({ state: 'gone' })
    })

    it('grants nothing and changes nothing on a moved record', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      const lease = await grant(store, key, 'one')
      committed(await store.commit(key, update({}, { lease, move: { successor: new Uint8Array(), graceMs: GRACE } })))
      const moved = { state: 'moved', successor: new Uint8Array() }
      expect(await second.open(key, { known: 2, touch: { idleMs: IDLE, intervalMs: 0 }, lock: { holder: 'one', leaseMs: LEASE } })).toEqual(moved)
      expect(await second.commit(key, update({ a: '2' }, { lease }))).toEqual(moved)
      expect(await second.commit(key, create({ a: '2' }))).toEqual({ state: 'conflict' })
      expect(await second.renew(key, lease, LEASE)).toBe(false)
    })

    it('moves only as the other conditions of the delta allow', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const move = { successor: bytes('next'), graceMs: GRACE }
      const one = await grant(store, key, 'one')
      await advance(LEASE)
      await grant(second, key, 'two')
      expect(await store.commit(key, update({}, { move, lease: one }))).toEqual({ state: 'fenced' })
      expect(await store.commit(key, update({}, { move, ifVersion: 2 }))).toEqual({ state: 'conflict' })
      expect(await texts(store, key)).toEqual({ a: '1' })
    })

    it('can be destroyed, also for what is in flight', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      committed(await store.commit(key, update({}, { move: { successor: bytes('next'), graceMs: GRACE } })))
      await second.destroy(key, TOMBSTONE_MS)
      expect(await stateOf(store, key)).toBe('destroyed')
      expect(await store.commit(key, update({ a: '2' }))).toEqual({ state: 'gone' })
    })
  })

  describe('close', () => {
    it('makes every call after it throw store_unavailable, and wakes who waits', async () => {
      const { another } = subject()
      const client = another()
      await client.ping()
      const key = await given(client, { a: '1' })
      const lease = await grant(client, key, 'one')
      const waiting = client.released(key, 60_000, new AbortController().signal)
      await client.close()
      await waiting
      await client.released(key, 60_000, new AbortController().signal)
      const calls = [
        () => client.open(key, {}),
        () => client.commit(key, update({ a: '2' })),
        () => client.destroy(key, TOMBSTONE_MS),
        () => client.renew(key, lease, LEASE),
        () => client.release(key, lease),
        () => client.ping(),
      ]
      for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'store_unavailable' })
      await client.close()
    })
  })
}
