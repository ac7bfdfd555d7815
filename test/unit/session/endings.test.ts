/** Watching for the end of a session. */
import { beforeEach, expect, it } from 'vitest'
import { TOMBSTONE_MS } from '../../../src/store/store.ts'
import { storeOver } from '../../support/store-over.ts'
import { changes, committed, entries, IDLE, PLAIN, type Subject, subject } from './session-subject.ts'

let at: Subject
/** What the store would call, as told to it; nothing is called by itself. */
let watched: Map<string, () => void>
let ended: number

beforeEach(() => {
  at = subject()
  watched = new Map()
  ended = 0
})

/** Watches a new session over a store whose messages are lost until `tell` says them. */
async function watching() {
  const calls = { asked: 0 }
  const sessions = at.beside({
    store: storeOver(at.store, {
      watch: (key, changed) => { watched.set(key, changed); return () => watched.delete(key) },
      commit: async (...given) => { calls.asked += 1; return await at.store.commit(...given) },
    }),
  })
  const session = await at.made(entries({ a: '1' }))
  const stop = sessions.watch(session, () => { ended += 1 })
  await expect.poll(() => calls.asked).toBe(1)
  const tell = async (): Promise<void> => {
    const before = calls.asked
    for (const changed of watched.values()) changed()
    await expect.poll(() => calls.asked).toBeGreaterThan(before)
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  return { session, stop, tell }
}

it('a session that is destroyed has ended, once', async () => {
  const { session, tell } = await watching()
  await at.store.destroy(session.token.storeKey, TOMBSTONE_MS)
  await tell()
  await expect.poll(() => ended).toBe(1)
  expect(watched.size).toBe(0)
})

it('a session whose token was rotated goes on, also when that is heard of long after the grace of the old one', async () => {
  const { session, tell } = await watching()
  const next = committed(await at.sessions.commit(await at.opened(session), { ...changes({}), rotate: true }, PLAIN))
  at.clock.advance(40_000)
  await tell()
  await expect.poll(() => [...watched.keys()]).toEqual([next.token.storeKey])
  expect(ended).toBe(0)
  await at.store.destroy(next.token.storeKey, TOMBSTONE_MS)
  await tell()
  await expect.poll(() => ended).toBe(1)
})

it('a session that has run out has not been ended', async () => {
  const { tell } = await watching()
  at.clock.advance(IDLE)
  await tell()
  await expect.poll(() => watched.size).toBe(0)
  expect(ended).toBe(0)
})

it('a session that is there goes on, whatever is said of it', async () => {
  const { session, tell, stop } = await watching()
  await at.sessions.commit(await at.opened(session), changes({ b: '2' }), PLAIN)
  await tell()
  expect([ended, watched.size]).toEqual([0, 1])
  stop()
  expect(watched.size).toBe(0)
})
