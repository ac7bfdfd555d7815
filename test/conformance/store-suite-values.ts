/** Bytes and names: what goes in comes out, and nothing is shared with the caller. */
import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bytes, committed, create, given, newKey, read, texts, update } from './store-subject.ts'
import type { StoreSubject } from './store-subject.ts'

const digest = (value: Uint8Array | undefined): string => createHash('sha256').update(value ?? 'nothing').digest('hex')

export function values(subject: () => StoreSubject): void {
  describe('values', () => {
    it('keeps binary values as they are: all bytes, none, and a megabyte', async () => {
      const { store, second } = subject()
      const all = Uint8Array.from({ length: 256 }, (_, i) => i)
      const large = new Uint8Array(randomBytes(1_048_576))
      const key = await given(store, { all, none: new Uint8Array(), large })
      const { entries } = await read(second, key)
      expect(entries.get('all')).toEqual(all)
      expect(entries.get('none')).toEqual(new Uint8Array())
      expect(digest(entries.get('large'))).toBe(digest(large))
    })

    it('takes values that are views into larger buffers', async () => {
      const { store } = subject()
      const key = await given(store, { a: bytes('xxhelloxx').subarray(2, 7) })
      expect(await texts(store, key)).toEqual({ a: 'hello' })
    })

    it('keeps entries of odd names apart', async () => {
      const { store, second } = subject()
      const names = [
        '', ' ', 'v', 'd', 'e:', 'e:v', 'cookie:sid;;/', '__proto__', 'constructor', 'A', 'a', 'a\0b', 'a\nb', '{x}', '%', '🍪', 'é', 'e\u0301', 'n'.repeat(512),
      ]
      const key = newKey()
      committed(await store.commit(key, { ...create({}), set: new Map(names.map((name, i) => [name, bytes(String(i))])) }))
      const { entries } = await read(second, key)
      expect(new Map([...entries].map(([name, value]) => [name, new TextDecoder().decode(value)])))
        .toEqual(new Map(names.map((name, i) => [name, String(i)])))
      committed(await second.commit(key, update({}, { remove: new Set(names.slice(1)) })))
      expect([...(await read(store, key)).entries.keys()]).toEqual([''])
    })

    it('does not see what callers do to bytes after they handed them in', async () => {
      const { store, second } = subject()
      const key = newKey()
      const value = bytes('first')
      const delta = { ...create({}), set: new Map([['a', value]]), remove: new Set<string>() }
      const creating = store.commit(key, delta)
      value.fill(0x21)
      delta.set.set('b', bytes('late'))
      await creating
      value.fill(0x3f)
      expect(await texts(second, key)).toEqual({ a: 'first' })
    })

    it('hands out bytes that belong to the caller', async () => {
      const { store } = subject()
      const key = await given(store, { a: 'first' })
      ;(await read(store, key)).entries.get('a')?.fill(0x21)
      expect(await texts(store, key)).toEqual({ a: 'first' })
      const successor = bytes('next')
      const moving = store.commit(key, update({}, { move: { successor, graceMs: 60_000 } }))
      successor.fill(0x21)
      committed(await moving)
      const moved = await store.open(key, {})
      if (moved.state === 'moved') moved.successor.fill(0x3f)
      expect(await store.open(key, {})).toEqual({ state: 'moved', successor: bytes('next') })
    })
  })
}
