/** Hearing of the end of a record, whoever ends it. */
import { describe, expect, it } from 'vitest'
import { TOMBSTONE_MS } from '../../src/store/store.ts'
import { until } from '../support/until.ts'
import { bytes, committed, create, given, grant, newKey, stateOf, update } from './store-subject.ts'
import type { StoreKey } from '../../src/store/store.ts'
import type { StoreSubject } from './store-subject.ts'

/** Far more than the second that is promised: machines are slow at times. */
const WITHIN_MS = 10_000

export function watching(subject: () => StoreSubject): void {
  describe('watch', () => {
    const ends = {
      'is destroyed': async ({ second }: StoreSubject, key: StoreKey) => second.destroy(key, TOMBSTONE_MS),
      'is ended by its last entry': async ({ second }: StoreSubject, key: StoreKey) => {
        expect((await second.commit(key, update({}, { remove: new Set(['a']), endIfEmptyMs: TOMBSTONE_MS }))).state).toBe('ended')
      },
      'is moved': async ({ second }: StoreSubject, key: StoreKey) => {
        committed(await second.commit(key, update({}, { move: { successor: bytes('next'), graceMs: 100_000 } })))
      },
    }
    for (const [what, end] of Object.entries(ends)) {
      it(`calls when the record ${what}, here or by another client, and only who watches it`, async () => {
        const { store, second } = subject()
        const [key, other] = [await given(store, { a: '1' }), await given(store, { a: '1' })]
        const heard: string[] = []
        const stops = [store.watch(key, () => heard.push('there')), second.watch(key, () => heard.push('here')), store.watch(other, () => heard.push('other'))]
        await heardBy(subject(), key)
        heard.length = 0
        await end(subject(), key)
        await until('both hear of it', () => heard.includes('there') && heard.includes('here'), WITHIN_MS)
        expect(heard).not.toContain('other')
        for (const stop of stops) stop()
      })
    }

    it('calls nobody who has left, and others of the same key all the same', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      const heard: string[] = []
      const left = store.watch(key, () => heard.push('left'))
      const stops = [store.watch(key, () => heard.push('stayed')), second.watch(key, () => undefined)]
      await heardBy(subject(), key)
      left()
      left()
      heard.length = 0
      await store.destroy(key, TOMBSTONE_MS)
      await until('the one who stayed hears of it', () => heard.length > 0, WITHIN_MS)
      for (const stop of stops) stop()
      expect(new Set(heard)).toEqual(new Set(['stayed']))
    })

    it('is not called for commits, touches and leases', async () => {
      const { store, second } = subject()
      const [key, last] = [await given(store, { a: '1' }), await given(store, { a: '1' })]
      let calls = 0
      let end = false
      const stops = [store.watch(key, () => { calls += 1 }), store.watch(last, () => { end = true }), second.watch(key, () => { calls += 1 }), second.watch(last, () => undefined)]
      await heardBy(subject(), last)
      await heardBy(subject(), key)
      calls = 0
      end = false
      const lease = await grant(second, key, 'one')
      committed(await second.commit(key, update({ b: '2' }, { lease, idleMs: 1_000, release: true })))
      await second.release(key, await grant(second, key, 'two'))
      await store.open(key, { touch: { idleMs: 1_000, intervalMs: 0 } })
      // What was said before this has been heard when this is.
      await second.destroy(last, TOMBSTONE_MS)
      await until('the other record has ended', () => end, WITHIN_MS)
      expect(calls).toBe(0)
      for (const stop of stops) stop()
    })
  })

  describe('a label', () => {
    it('is kept beside the entries, until another takes its place', async () => {
      const { store, second } = subject()
      const key = newKey()
      const labelNow = async (): Promise<string | undefined> => {
        const opened = await second.open(key, {})
        return opened.state === 'record' && opened.record.label !== undefined ? new TextDecoder().decode(opened.record.label) : undefined
      }
      committed(await store.commit(key, create({ a: '1' })))
      expect(await labelNow()).toBeUndefined()
      committed(await store.commit(key, update({}, { label: bytes('one') })))
      committed(await second.commit(key, update({ b: '2' })))
      expect(await labelNow()).toBe('one')
      committed(await store.commit(key, update({}, { label: bytes('two \0 \xff') })))
      expect(await labelNow()).toBe('two \0 \xff')
    })

    it('comes with a new record, counts for no entry, and goes with the last one', async () => {
      const { store, second } = subject()
      const key = newKey()
      committed(await store.commit(key, create({ a: '1' }, { label: bytes('x'.repeat(1_000)), maxBytes: 1 })))
      expect((await second.open(key, {}))).toMatchObject({ state: 'record', record: { label: bytes('x'.repeat(1_000)) } })
      expect((await store.commit(key, update({}, { remove: new Set(['a']), endIfEmptyMs: TOMBSTONE_MS }))).state).toBe('ended')
      expect(await stateOf(second, key)).toBe('destroyed')
    })
  })
}

/** What is watched is heard of from when the store has taken that in: both clients watch it. */
async function heardBy({ quiet }: StoreSubject, key: StoreKey): Promise<void> {
  await quiet?.(key)
}
