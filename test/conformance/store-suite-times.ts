/** Expiry, lifetime, touches and what is kept beyond them. */
import { describe, expect, it } from 'vitest'
import { committed, create, given, IDLE, LIFETIME, newKey, read, stateOf, texts, update } from './store-subject.ts'
import type { StoreSubject } from './store-subject.ts'

const touch = { idleMs: IDLE, intervalMs: 60_000 }

export function times(subject: () => StoreSubject): void {
  /** Just before `ms` have passed: the last millisecond where time stands still, else with room for the test to run. */
  const justBefore = (ms: number): number => ms - Math.max(1, subject().slackMs)

  describe('times', () => {
    it('tells its clock when it is asked whether it serves', async () => {
      const { store } = subject()
      const key = await given(store, { a: '1' })
      const [before, opened, after] = [await store.ping(), await store.open(key, {}), await store.ping()]
      if (opened.state !== 'record') throw new Error(opened.state)
      expect(opened.record.now).toBeGreaterThanOrEqual(before)
      expect(opened.record.now).toBeLessThanOrEqual(after)
    })

    it('ends a record at the millisecond of its expiry, not before', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      await advance(justBefore(IDLE))
      expect(await texts(second, key)).toEqual({ a: '1' })
      await advance(IDLE - justBefore(IDLE))
      expect(await second.open(key, {})).toEqual({ state: 'absent' })
      expect(await store.commit(key, update({ a: '2' }))).toEqual({ state: 'gone' })
    })

    it('starts afresh when a record is created where one has run out', async () => {
      const { store, advance } = subject()
      const key = await given(store, { old: '1' })
      committed(await store.commit(key, update({ old: '2' })))
      await advance(IDLE)
      expect(committed(await store.commit(key, create({ fresh: '1' }, { maxBytes: 1 }))).head.version).toBe(1)
      expect(await texts(store, key)).toEqual({ fresh: '1' })
    })

    it('expires at the end of the lifetime when it is created without an idle timeout', async () => {
      const { store, advance } = subject()
      const key = newKey()
      const { idleMs: _, ...untouched } = create({ a: '1' })
      const { head } = committed(await store.commit(key, untouched))
      expect(head.expiresAt - head.now).toBe(LIFETIME)
      await advance(justBefore(LIFETIME))
      expect(await stateOf(store, key)).toBe('record')
      await advance(LIFETIME - justBefore(LIFETIME))
      expect(await stateOf(store, key)).toBe('absent')
    })

    it('moves the expiry by a commit with idleMs, and leaves it by one without', async () => {
      const { store, advance } = subject()
      const key = await given(store, { a: '1' })
      const before = (await read(store, key)).expiresAt
      await advance(IDLE / 2)
      const aged = (await read(store, key)).expiresAt
      const left = committed(await store.commit(key, update({ a: '2' }))).head
      expect(left.expiresAt).toBe(aged)
      expect(aged).toBeLessThanOrEqual(before)
      const moved = committed(await store.commit(key, update({ a: '3' }, { idleMs: IDLE }))).head
      expect(moved.expiresAt - moved.now).toBe(IDLE)
      await advance(justBefore(IDLE))
      expect(await stateOf(store, key)).toBe('record')
    })

    it('touches when the interval has passed, not before, and not the version', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const untouched = await store.open(key, { touch, known: 1 })
      await advance(justBefore(60_000))
      const early = await second.open(key, { touch, known: 1 })
      await advance(60_000 - justBefore(60_000))
      const due = await second.open(key, { touch, known: 1 })
      if (untouched.state !== 'unchanged' || early.state !== 'unchanged' || due.state !== 'unchanged') throw new Error('the version changed')
      expect(untouched.head.expiresAt - untouched.head.now).toBeLessThanOrEqual(IDLE)
      expect(early.head.expiresAt - early.head.now).toBeLessThan(IDLE)
      expect(due.head.expiresAt - due.head.now).toBe(IDLE)
      await advance(justBefore(IDLE))
      expect(await stateOf(store, key)).toBe('record')
    })

    it('never creates by a touch, and brings nothing back', async () => {
      const { store, advance } = subject()
      const key = await given(store, { a: '1' })
      await advance(IDLE)
      expect(await store.open(key, { touch })).toEqual({ state: 'absent' })
      expect(await store.open(key, {})).toEqual({ state: 'absent' })
    })

    it('touches up to the lifetime, and no further', async () => {
      const { store, advance } = subject()
      const key = await given(store, { a: '1' })
      for (let passed = 0; passed < LIFETIME - IDLE; passed += IDLE / 2) {
        await advance(IDLE / 2)
        expect((await store.open(key, { touch })).state).toBe('record')
      }
      const { createdAt, expiresAt } = await read(store, key)
      expect(expiresAt - createdAt).toBe(LIFETIME)
      const { head } = committed(await store.commit(key, update({ a: '2' }, { idleMs: LIFETIME })))
      expect(head.expiresAt - head.createdAt).toBe(LIFETIME)
      await advance(IDLE)
      expect(await stateOf(store, key)).toBe('absent')
    })

    it('keeps a record until keepUntil, without giving the session a longer life', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { remember: 'me' }, { keepMs: 2 * LIFETIME })
      await advance(LIFETIME)
      const opened = await second.open(key, { touch })
      if (opened.state !== 'record') throw new Error(`expected the record, the store answered ${opened.state}`)
      expect(opened.record.expiresAt).toBeLessThanOrEqual(opened.record.now)
      expect(opened.record.keepUntil).toBeGreaterThan(opened.record.now)
      await advance(justBefore(LIFETIME))
      expect(await texts(second, key)).toEqual({ remember: 'me' })
      await advance(LIFETIME - justBefore(LIFETIME))
      expect(await stateOf(second, key)).toBe('absent')
    })

    it('does not bring a session that was idle too long back by a touch, while its record is kept', async () => {
      const { store, advance } = subject()
      const key = await given(store, { remember: 'me' }, { keepMs: LIFETIME })
      await advance(IDLE)
      for (let i = 0; i < 2; i += 1) {
        const opened = await store.open(key, { touch })
        if (opened.state !== 'record') throw new Error(`expected the record, the store answered ${opened.state}`)
        expect(opened.record.expiresAt).toBeLessThanOrEqual(opened.record.now)
      }
      const { head } = committed(await store.commit(key, update({ a: 'new' }, { idleMs: IDLE })))
      expect(head.expiresAt - head.now).toBe(IDLE)
    })

    it('counts the interval of touches from the last commit that kept it alive', async () => {
      const { store, advance } = subject()
      const key = await given(store, { a: '1' })
      await advance(60_000)
      const { head } = committed(await store.commit(key, update({ a: '2' }, { idleMs: IDLE })))
      const opened = await store.open(key, { touch: { idleMs: 2 * IDLE, intervalMs: 60_000 } })
      expect(opened).toMatchObject({ state: 'record', record: { expiresAt: head.expiresAt } })
    })

    it('moves keepUntil on by a delta that asks for more, and never back', async () => {
      const { store, advance } = subject()
      const key = await given(store, { a: '1' }, { keepMs: LIFETIME })
      const kept = committed(await store.commit(key, update({ a: '2' }))).head
      expect(kept.keepUntil - kept.createdAt).toBe(LIFETIME)
      const longer = committed(await store.commit(key, update({}, { keepMs: 3 * LIFETIME }))).head
      expect(longer.keepUntil - longer.now).toBe(3 * LIFETIME)
      expect(committed(await store.commit(key, update({}, { keepMs: LIFETIME }))).head.keepUntil).toBe(longer.keepUntil)
      expect(committed(await store.commit(key, update({}, { keepMs: 0 }))).head.keepUntil).toBe(longer.keepUntil)
      await advance(IDLE)
      expect(await stateOf(store, key)).toBe('record')
    })
  })
}
