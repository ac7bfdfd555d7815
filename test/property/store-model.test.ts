/** Whatever is called in whatever order: every store answers what a Map would. */
import { join } from 'node:path'
import * as fc from 'fast-check'
import { describe, it } from 'vitest'
import { memoryStore } from '../../src/store/memory.ts'
import { redisStore } from '../../src/store/redis/store.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { newKey } from '../conformance/store-subject.ts'
import { age, startRedis } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testClock } from '../support/test-clock.ts'
import { agree, operations } from './store-operations.ts'
import { sessionCases } from '../support/cases.ts'

const newKeys = () => [newKey(), newKey()]

describe('a store agrees with a Map', () => {
  it('in memory', async () => {
    await fc.assert(fc.asyncProperty(operations, async (steps) => {
      const clock = testClock()
      await agree({ store: memoryStore({ clock }), advance: async (ms) => clock.advance(ms) }, newKeys(), steps)
    }), sessionCases(1500))
  })

  it('in SQLite', async () => {
    await using folder = await temporaryFolder()
    const clock = testClock()
    const store = sqliteStore({ path: join(folder.path, 'sessions.db'), clock })
    try {
      await fc.assert(fc.asyncProperty(operations, (steps) =>
        agree({ store, advance: async (ms) => clock.advance(ms) }, newKeys(), steps)), sessionCases(600))
    } finally {
      await store.close()
    }
  })
})

describeWith(['redis'], 'a store agrees with a Map, with a Redis server', () => {
  it('in Redis', async () => {
    const server = await startRedis()
    const store = redisStore(server.config)
    try {
      await fc.assert(fc.asyncProperty(operations, async (steps) => {
        await server.control.flushdb()
        await agree({ store, advance: (ms) => age([server.control], ms) }, newKeys(), steps)
      }), sessionCases(200))
    } finally {
      await store.close()
      await server.stop()
    }
  })
})
