import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory.ts'
import { testClock } from '../support/test-clock.ts'
import { create, IDLE, newKey, stateOf } from './store-subject.ts'
import { storeSuite } from './store-suite.ts'

storeSuite('memory', async () => {
  const clock = testClock()
  const store = memoryStore({ clock })
  return {
    store,
    // It lives in one process, so that process's own is the only client there can be.
    second: store,
    another: () => memoryStore({ clock }),
    advance: async (ms) => clock.advance(ms),
    slackMs: 0,
    close: () => store.close(),
  }
})

describe('the memory store, full', () => {
  it('refuses a new session rather than lose one, and takes it when one has ended', async () => {
    const clock = testClock()
    const store = memoryStore({ clock, maxSessions: 50 })
    const keys = Array.from({ length: 50 }, newKey)
    for (const [i, key] of keys.entries()) await store.commit(key, create({ a: '1' }, { idleMs: i < 10 ? IDLE / 2 : IDLE }))
    await expect(store.commit(newKey(), create({ a: '1' }))).rejects.toMatchObject({ code: 'store_unavailable' })
    for (const key of keys) expect(await stateOf(store, key)).toBe('record')
    clock.advance(IDLE / 2)
    for (let i = 0; i < 10; i += 1) expect((await store.commit(newKey(), create({ a: '1' }))).state).toBe('committed')
    await expect(store.commit(newKey(), create({ a: '1' }))).rejects.toMatchObject({ code: 'store_unavailable' })
    await store.close()
  })

  it('drops ended sessions little by little as others come', async () => {
    const clock = testClock()
    const store = memoryStore({ clock, maxSessions: 100 })
    for (let round = 0; round < 20; round += 1) {
      for (let i = 0; i < 40; i += 1) expect((await store.commit(newKey(), create({ a: '1' }))).state).toBe('committed')
      clock.advance(IDLE)
    }
    await store.close()
  })
})
