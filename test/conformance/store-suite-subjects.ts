/** Lists of subjects: what is filed is found, by every client, until it runs out. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import type { SubjectKey } from '../../src/store/store.ts'
import { newKey } from './store-subject.ts'
import type { StoreSubject } from './store-subject.ts'

const newSubject = (): SubjectKey => randomBytes(32).toString('base64url') as SubjectKey
const HOUR = 3_600_000

export function subjects(subject: () => StoreSubject): void {
  describe('a list of a subject', () => {
    it('is empty until something is filed', async () => {
      expect(await subject().store.filed(newSubject(), 10)).toEqual([])
    })

    it('names what is filed, to every client, those first that run out last, and no more than asked for', async () => {
      const { store, second } = subject()
      const [of, other] = [newSubject(), newSubject()]
      const [a, b, c, d] = [newKey(), newKey(), newKey(), newKey()]
      await store.file(of, a, 2 * HOUR)
      await second.file(of, b, 3 * HOUR)
      await store.file(of, c, HOUR)
      await store.file(other, d, HOUR)
      expect(await second.filed(of, 10)).toEqual([b, a, c])
      expect(await store.filed(of, 2)).toEqual([b, a])
    })

    it('has a session once, for the longest of the times for which it was filed', async () => {
      const { store, advance } = subject()
      const of = newSubject()
      const key = newKey()
      await store.file(of, key, 3 * HOUR)
      await store.file(of, key, HOUR)
      await advance(2 * HOUR)
      expect(await store.filed(of, 10)).toEqual([key])
      await store.file(of, key, 3 * HOUR)
      await advance(2 * HOUR)
      expect(await store.filed(of, 10)).toEqual([key])
      await advance(HOUR)
      expect(await store.filed(of, 10)).toEqual([])
    })

    it('forgets what has run out, one by one', async () => {
      const { store, second, advance } = subject()
      const of = newSubject()
      const [short, long] = [newKey(), newKey()]
      await store.file(of, short, HOUR)
      await store.file(of, long, 3 * HOUR)
      await advance(HOUR)
      expect(await second.filed(of, 10)).toEqual([long])
      await advance(2 * HOUR)
      expect(await second.filed(of, 10)).toEqual([])
    })

    it('loses what is taken off it, also what was never on it', async () => {
      const { store, second } = subject()
      const of = newSubject()
      const [a, b] = [newKey(), newKey()]
      await store.file(of, a, HOUR)
      await store.file(of, b, HOUR)
      await second.unfile(of, [a, newKey()])
      expect(await store.filed(of, 10)).toEqual([b])
      await second.unfile(of, [])
      await second.unfile(newSubject(), [b])
      expect(await store.filed(of, 10)).toEqual([b])
    })
  })
}
