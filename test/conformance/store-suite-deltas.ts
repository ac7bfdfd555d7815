/** Creating and changing records. */
import { describe, expect, it } from 'vitest'
import { committed, create, given, newKey, read, texts, update } from './store-subject.ts'
import type { StoreSubject } from './store-subject.ts'

export function deltas(subject: () => StoreSubject): void {
  describe('deltas', () => {
    it('answers absent for a key that nothing was stored under', async () => {
      expect(await subject().store.open(newKey(), {})).toEqual({ state: 'absent' })
      expect(await subject().store.open(newKey(), { known: 3, touch: { idleMs: 1000, intervalMs: 0 } })).toEqual({ state: 'absent' })
    })

    it('shows a created record to another client at once', async () => {
      const { store, second } = subject()
      const key = newKey()
      const { head } = committed(await store.commit(key, create({ a: '1', b: '2' })))
      expect(head.version).toBe(1)
      expect(head.createdAt).toBe(head.now)
      expect(head.keepUntil).toBe(0)
      expect(await texts(second, key)).toEqual({ a: '1', b: '2' })
      const { version, createdAt, expiresAt, keepUntil } = await read(second, key)
      expect({ version, createdAt, expiresAt, keepUntil }).toEqual({
        version: 1, createdAt: head.createdAt, expiresAt: head.expiresAt, keepUntil: 0,
      })
    })

    it('changes only the entries that a delta names', async () => {
      const { store, second } = subject()
      const key = await given(store, { keep: 'k', change: 'old', drop: 'd' })
      const { head } = committed(await second.commit(key, update({ change: 'new', add: 'a' }, { remove: new Set(['drop', 'never there']) })))
      expect(head.version).toBe(2)
      expect(await texts(store, key)).toEqual({ keep: 'k', change: 'new', add: 'a' })
    })

    it('sets an entry that one delta both removes and sets', async () => {
      const { store } = subject()
      const key = await given(store, { a: 'old' })
      const both = { remove: new Set(['a']), maxBytes: 4 }
      expect(await store.commit(key, update({ a: '12345' }, both))).toEqual({ state: 'too_large' })
      committed(await store.commit(key, update({ a: 'new' }, both)))
      expect(await texts(store, key)).toEqual({ a: 'new' })
    })

    it('keeps a record whose last entry was removed', async () => {
      const { store } = subject()
      const key = await given(store, { a: '1' })
      committed(await store.commit(key, update({}, { remove: new Set(['a']) })))
      expect(await texts(store, key)).toEqual({})
    })

    it('loses none of 50 parallel commits of different entries', async () => {
      const { store, second } = subject()
      const key = await given(store, { start: 's' })
      const answers = await Promise.all(Array.from({ length: 50 }, (_, i) =>
        (i % 2 === 0 ? store : second).commit(key, update({ [`e${i}`]: String(i) }))))
      const versions = answers.map((answer) => committed(answer).head.version)
      expect(versions.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i + 2))
      const record = await read(store, key)
      expect(record.version).toBe(51)
      expect(record.entries.size).toBe(51)
    })

    it('creates once when many create under one key at the same time', async () => {
      const { store, second } = subject()
      const key = newKey()
      const answers = await Promise.all(Array.from({ length: 10 }, (_, i) =>
        (i % 2 === 0 ? store : second).commit(key, create({ winner: String(i) }))))
      expect(answers.filter(({ state }) => state === 'committed')).toHaveLength(1)
      expect(answers.filter(({ state }) => state === 'conflict')).toHaveLength(9)
      const winner = answers.findIndex(({ state }) => state === 'committed')
      expect(await texts(store, key)).toEqual({ winner: String(winner) })
    })

    it('never makes a record by an update', async () => {
      const { store } = subject()
      const key = newKey()
      expect(await store.commit(key, update({ a: '1' }, { idleMs: 1000 }))).toEqual({ state: 'gone' })
      expect(await store.open(key, {})).toEqual({ state: 'absent' })
    })

    it('applies a delta with ifVersion to that version only', async () => {
      const { store } = subject()
      const key = await given(store, { a: '1' })
      expect(committed(await store.commit(key, update({ a: '2' }, { ifVersion: 1 }))).head.version).toBe(2)
      expect(await store.commit(key, update({ a: '3' }, { ifVersion: 1 }))).toEqual({ state: 'conflict' })
      expect(await texts(store, key)).toEqual({ a: '2' })
    })

    it('answers unchanged, without entries, to one who has the current version', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      const opened = await second.open(key, { known: 1 })
      expect(opened.state).toBe('unchanged')
      expect(opened).not.toHaveProperty('record')
      if (opened.state === 'unchanged') expect(opened.head.version).toBe(1)
      committed(await store.commit(key, update({ a: '2' })))
      expect((await second.open(key, { known: 1 })).state).toBe('record')
      expect((await second.open(key, { known: 3 })).state).toBe('record')
    })

    it('refuses, whole, a delta that grows a record beyond maxBytes', async () => {
      const { store } = subject()
      expect(await store.commit(newKey(), create({ a: '12345' }, { maxBytes: 4 }))).toEqual({ state: 'too_large' })
      const key = await given(store, { a: '12345', b: '12345' }, { maxBytes: 10 })
      const tooMuch = update({ c: '1' }, { maxBytes: 10, remove: new Set(['never there']) })
      expect(await store.commit(key, tooMuch)).toEqual({ state: 'too_large' })
      expect((await read(store, key)).version).toBe(1)
      committed(await store.commit(key, update({ c: '1' }, { maxBytes: 10, remove: new Set(['a']) })))
      expect(await texts(store, key)).toEqual({ b: '12345', c: '1' })
      committed(await store.commit(key, update({ d: '1234' }, { maxBytes: 10 })))
      expect(await store.commit(key, update({ e: '1' }, { maxBytes: 10 }))).toEqual({ state: 'too_large' })
    })

    it('lets a delta pass that shrinks a record which is over maxBytes, or leaves its size', async () => {
      const { store } = subject()
      const key = await given(store, { a: '1234567890', b: '12345' })
      committed(await store.commit(key, update({ b: '1234' }, { maxBytes: 3 })))
      committed(await store.commit(key, update({ b: '4321' }, { maxBytes: 3 })))
      expect(await store.commit(key, update({ b: '12345' }, { maxBytes: 3 }))).toEqual({ state: 'too_large' })
      expect(await texts(store, key)).toEqual({ a: '1234567890', b: '4321' })
    })

    it('throws for a delta that cannot be meant', async () => {
      const { store } = subject()
      const { idleMs: _, lifetimeMs: __, ...endless } = create({ a: '1' })
      await expect(store.commit(newKey(), endless)).rejects.toThrow(TypeError)
      await expect(store.open(newKey(), { lock: { holder: '', leaseMs: 1000 } })).rejects.toThrow(TypeError)
      await expect(store.commit(newKey(), update({ a: '1' }, { move: { successor: new Uint8Array(1), graceMs: 1 } }))).rejects.toThrow(TypeError)
    })
  })
}
