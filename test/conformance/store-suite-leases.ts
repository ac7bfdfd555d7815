/** The exclusive lease: granted, renewed, run out, given back, fenced; and who waits for it. */
import { describe, expect, it } from 'vitest'
import { committed, create, given, grant, LEASE, newKey, read, texts, update } from './store-subject.ts'
import type { StoreSubject } from './store-subject.ts'

/** Far longer than any test may take. */
const LONG_MS = 60_000
/** Who waits for so long has not been woken: stores may answer by themselves after that, in case a message was lost. */
const WOKEN_WITHIN_MS = 4000

async function promptly(waiting: Promise<unknown>): Promise<void> {
  const start = performance.now()
  await waiting
  expect(performance.now() - start).toBeLessThan(WOKEN_WITHIN_MS)
}

const never = (): AbortSignal => new AbortController().signal

export function leases(subject: () => StoreSubject): void {
  const slack = (): number => subject().slackMs
  const lock = (holder: string) => ({ lock: { holder, leaseMs: LEASE } })

  describe('leases', () => {
    it('grants the lease to one, and tells the others for how long it is taken', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      expect(await grant(store, key, 'one')).toEqual({ holder: 'one', fence: 1 })
      await advance(20_000)
      const busy = await second.open(key, lock('two'))
      if (busy.state !== 'busy') throw new Error(`expected busy, the store answered ${busy.state}`)
      expect(busy.leaseMs).toBeLessThanOrEqual(LEASE - 20_000)
      expect(busy.leaseMs).toBeGreaterThan(LEASE - 20_000 - Math.max(1, slack()))
      expect((await read(second, key)).version).toBe(1)
    })

    it('touches nothing when it answers busy', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      await grant(store, key, 'one')
      await advance(60_000)
      const { expiresAt } = await read(store, key)
      expect((await second.open(key, { ...lock('two'), known: 1, touch: { idleMs: 3_000_000, intervalMs: 1 } })).state).toBe('busy')
      expect((await read(store, key)).expiresAt).toBe(expiresAt)
    })

    it('grants it exactly once when many ask at the same time', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? store : second).open(key, lock(`h${i}`))))
      expect(answers.filter(({ state }) => state === 'record')).toHaveLength(1)
      expect(answers.filter(({ state }) => state === 'busy')).toHaveLength(19)
    })

    it('touches, grants and answers unchanged in one step', async () => {
      const { store, advance } = subject()
      const key = await given(store, { a: '1' })
      await advance(60_000)
      const opened = await store.open(key, { ...lock('one'), known: 1, touch: { idleMs: 1_000_000, intervalMs: 1 } })
      if (opened.state !== 'unchanged') throw new Error(`expected unchanged, the store answered ${opened.state}`)
      expect(opened.lease).toEqual({ holder: 'one', fence: 1 })
      expect(opened.head.expiresAt - opened.head.now).toBe(1_000_000)
    })

    it('renews the live lease of one who asks again, with the same fence', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const lease = await grant(store, key, 'one')
      await advance(LEASE / 2)
      expect(await grant(second, key, 'one')).toEqual(lease)
      await advance(LEASE - Math.max(1, slack()))
      expect((await second.open(key, lock('two'))).state).toBe('busy')
    })

    it('grants it anew, with a larger fence, at the millisecond at which it runs out', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const first = await grant(store, key, 'one')
      await advance(LEASE - Math.max(1, slack()))
      expect((await second.open(key, lock('two'))).state).toBe('busy')
      await advance(Math.max(1, slack()))
      const next = await grant(second, key, 'two')
      expect(next.fence).toBeGreaterThan(first.fence)
      await advance(LEASE)
      expect((await grant(store, key, 'two')).fence).toBeGreaterThan(next.fence)
    })

    it('lets only the one to whom it was last granted commit with it', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '0' })
      const one = await grant(store, key, 'one')
      committed(await store.commit(key, update({ a: '1' }, { lease: one })))
      await advance(LEASE)
      committed(await store.commit(key, update({ a: '2' }, { lease: one })))
      const two = await grant(second, key, 'two')
      expect(await store.commit(key, update({ a: 'late' }, { lease: one }))).toEqual({ state: 'fenced' })
      expect(await store.commit(key, update({ a: 'forged' }, { lease: { holder: 'one', fence: two.fence } }))).toEqual({ state: 'fenced' })
      committed(await second.commit(key, update({ a: '3' }, { lease: two })))
      committed(await second.commit(key, update({ b: 'no lease asked' })))
      expect(await texts(store, key)).toEqual({ a: '3', b: 'no lease asked' })
    })

    it('still fences a holder when the one after it has given the lease back, or was the same', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '0' })
      const first = await grant(store, key, 'one')
      await advance(LEASE)
      const again = await grant(store, key, 'one')
      expect(await store.commit(key, update({ a: 'late' }, { lease: first }))).toEqual({ state: 'fenced' })
      expect(await store.renew(key, first, LEASE)).toBe(false)
      await store.release(key, again)
      await second.release(key, await grant(second, key, 'two'))
      expect(await store.commit(key, update({ a: 'late' }, { lease: again }))).toEqual({ state: 'fenced' })
      expect(await texts(store, key)).toEqual({ a: '0' })
    })

    it('gives it back in the same step as a commit, and not when that is refused', async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '0' })
      const one = await grant(store, key, 'one')
      expect((await store.commit(key, update({ a: '1' }, { lease: one, release: true, ifVersion: 7 }))).state).toBe('conflict')
      expect((await second.open(key, lock('two'))).state).toBe('busy')
      committed(await store.commit(key, update({ a: '1' }, { lease: one, release: true })))
      expect((await grant(second, key, 'two')).fence).toBeGreaterThan(one.fence)
    })

    it('starts a record with its lease held', async () => {
      const { store, second } = subject()
      const key = newKey()
      const answer = committed(await store.commit(key, create({ a: '1' }, { lock: { holder: 'one', leaseMs: LEASE } })))
      expect(answer.lease).toEqual({ holder: 'one', fence: 1 })
      expect((await second.open(key, lock('two'))).state).toBe('busy')
      if (answer.lease !== undefined) await store.release(key, answer.lease)
      expect((await grant(second, key, 'two')).fence).toBe(2)
    })

    it('extends a lease by renew, also one that ran out while nobody took it', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const one = await grant(store, key, 'one')
      await advance(LEASE / 2)
      expect(await second.renew(key, one, LEASE)).toBe(true)
      await advance(LEASE - Math.max(1, slack()))
      expect((await second.open(key, lock('two'))).state).toBe('busy')
      await advance(LEASE)
      expect(await store.renew(key, one, LEASE)).toBe(true)
      expect((await second.open(key, lock('two'))).state).toBe('busy')
    })

    it('does not renew what is not held any more', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const one = await grant(store, key, 'one')
      await store.release(key, one)
      expect(await store.renew(key, one, LEASE)).toBe(false)
      const two = await grant(second, key, 'two', 1000)
      expect(await store.renew(key, one, LEASE)).toBe(false)
      expect(await store.renew(key, { holder: 'two', fence: one.fence }, LEASE)).toBe(false)
      await advance(1_000_000)
      expect(await second.renew(key, two, LEASE)).toBe(false)
      expect(await store.renew(newKey(), one, LEASE)).toBe(false)
    })

    it('does not release a lease that is somebody else’s by now', async () => {
      const { store, second, advance } = subject()
      const key = await given(store, { a: '1' })
      const one = await grant(store, key, 'one')
      await advance(LEASE)
      await grant(second, key, 'two')
      await store.release(key, one)
      await store.release(newKey(), one)
      expect((await store.open(key, lock('three'))).state).toBe('busy')
    })
  })

  describe('waiting for a lease', () => {
    const wakers: [string, (subject: StoreSubject, key: Parameters<StoreSubject['store']['open']>[0], lease: { holder: string; fence: number }) => Promise<unknown>][] = [
      ['a release', ({ store }, key, lease) => store.release(key, lease)],
      ['a commit that gives it back', ({ store }, key, lease) => store.commit(key, update({ a: '2' }, { lease, release: true }))],
      ['a destroy', ({ store }, key) => store.destroy(key, 60_000)],
      ['a move', ({ store }, key, lease) => store.commit(key, update({}, { lease, move: { successor: new Uint8Array(1), graceMs: 60_000 } }))],
    ]
    for (const [name, wake] of wakers) {
      it(`wakes both clients at ${name}`, { timeout: 15_000 }, async () => {
        const { store, second } = subject()
        const key = await given(store, { a: '1' })
        const lease = await grant(store, key, 'one')
        const waiting = Promise.all([second.released(key, LONG_MS, never()), second.released(key, LONG_MS, never()), store.released(key, LONG_MS, never())])
        await subject().quiet?.(key)
        await wake(subject(), key, lease)
        await promptly(waiting)
      })
    }

    it('wakes each of many who wait in turn until all had the lease', { timeout: 15_000 }, async () => {
      const { store, second } = subject()
      const key = await given(store, { count: '0' })
      await Promise.all(Array.from({ length: 12 }, async (_, i) => {
        const client = i % 2 === 0 ? store : second
        for (;;) {
          const opened = await client.open(key, lock(`h${i}`))
          if (opened.state === 'record' && opened.lease !== undefined) {
            const count = Number(new TextDecoder().decode(opened.record.entries.get('count')))
            committed(await client.commit(key, update({ count: String(count + 1) }, { lease: opened.lease, release: true })))
            return
          }
          await client.released(key, LONG_MS, never())
        }
      }))
      expect(await texts(store, key)).toEqual({ count: '12' })
    })

    it('does not wait for a lease that nobody holds', { timeout: 15_000 }, async () => {
      const { store } = subject()
      const key = await given(store, { a: '1' })
      await promptly(store.released(key, LONG_MS, never()))
      await promptly(store.released(newKey(), LONG_MS, never()))
    })

    it('waits no longer than it was told, or than its caller wants', { timeout: 15_000 }, async () => {
      const { store, second } = subject()
      const key = await given(store, { a: '1' })
      await grant(store, key, 'one')
      await promptly(second.released(key, 30, never()))
      const caller = new AbortController()
      const waiting = second.released(key, LONG_MS, caller.signal)
      caller.abort()
      await promptly(waiting)
      await promptly(second.released(key, LONG_MS, AbortSignal.abort()))
      expect((await second.open(key, lock('two'))).state).toBe('busy')
    })
  })
}
