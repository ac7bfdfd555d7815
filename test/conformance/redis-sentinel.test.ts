import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisStore } from '../../src/store/redis/store.ts'
import { startSentinels } from '../support/redis-group.ts'
import type { RedisGroup } from '../support/redis-group.ts'
import { age, quietWith } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { committed, given, grant, LEASE, stateOf, texts, update } from './store-subject.ts'
import { storeSuite } from './store-suite.ts'

describeWith(['redis'], 'with three Redis Sentinels', () => {
  let group: RedisGroup
  beforeAll(async () => { group = await startSentinels() }, 60_000)
  afterAll(() => group.stop())

  storeSuite('redis+sentinel', async () => {
    const another = () => redisStore(group.config)
    const [store, second] = [another(), another()]
    return {
      store,
      second,
      another,
      advance: (ms) => age(group.controls, ms),
      slackMs: 20_000,
      quiet: (key) => quietWith(group.controls, 2, key),
      close: async () => { await Promise.all([store.close(), second.close()]) },
    }
  })

  // Last, as the group has a server less after it.
  it('follows a failover: store_unavailable while there is no master, never absent, then the new one', { timeout: 60_000 }, async () => {
    const store = redisStore(group.config, { connectTimeoutMs: 500, commandTimeoutMs: 500 })
    try {
      const key = await given(store, { a: '1' })
      const lease = await grant(store, key, 'one')
      const [master] = group.servers
      expect(await master?.control.wait(1, 5000)).toBe(1)
      await master?.kill()
      const seen = new Set<string>()
      await until('the new master serves', async () => {
        const state = await stateOf(store, key).catch((error: { code: string }) => error.code)
        seen.add(state)
        return state === 'record'
      }, 30_000)
      expect(seen).toEqual(new Set(['store_unavailable', 'record']))
      // It may still be read only for a moment, and then says so.
      const answer = await until('it writes', () => store.commit(key, update({ a: '2' }, { lease })), 10_000)
      committed(answer)
      expect(await texts(store, key)).toEqual({ a: '2' })
      expect((await store.open(key, { lock: { holder: 'two', leaseMs: LEASE } })).state).toBe('busy')
    } finally {
      await store.close()
    }
  })
})
