/** Taking turns over several sidecars that share a real store: whoever waits in one gets a turn, however many wait in another. */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Locks } from '../../src/session/lock.ts'
import { redisStore } from '../../src/store/redis/store.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { SessionStore, StoreKey } from '../../src/store/store.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'

const KEY = 'k'.repeat(43) as StoreKey

let folder: TemporaryFolder
let redis: RedisServer
beforeAll(async () => {
  folder = await temporaryFolder()
  redis = await startRedis()
})
afterAll(async () => {
  await redis.stop()
  await folder[Symbol.asyncDispose]()
})

const STORES: Readonly<Record<string, () => SessionStore>> = {
  sqlite: () => sqliteStore({ path: join(folder.path, 'sessions.db'), clock: systemClock }),
  redis: () => redisStore(redis.config),
}

describe.each(Object.entries(STORES))('over %s', (_, openStore) => {
  it('a request does not wait until the line of another sidecar is through', async () => {
    const stores = [openStore(), openStore()] as const
    try {
      await stores[0].commit(KEY, { mode: 'create', set: new Map([['a', Buffer.from('1')]]), remove: new Set(), lifetimeMs: 3_600_000, maxBytes: 1_000 })
      const [busy, other] = [new Locks(stores[0], systemClock), new Locks(stores[1], systemClock)]
      const order: string[] = []
      const work = async (locks: Locks, store: SessionStore, name: string): Promise<void> => {
        const { opened, hold } = await locks.open(KEY, {}, 60_000, new AbortController().signal)
        if (!('lease' in opened) || opened.lease === undefined) throw new Error('no lease')
        order.push(name)
        // As an app would: a line's turns in a row are over after some of these.
        await pause(20)
        await store.release(KEY, opened.lease)
        hold?.end()
      }
      const line = Array.from({ length: 40 }, () => work(busy, stores[0], 'busy'))
      await Promise.all([...line, work(other, stores[1], 'other')])
      expect(order).toHaveLength(41)
      expect(order.indexOf('other')).toBeLessThan(40)
    } finally {
      for (const store of stores) await store.close()
    }
  })
})
