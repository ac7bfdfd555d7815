import { redisStore } from '../../src/store/redis/store.ts'
import { age, quietWith, startRedis } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { storeSuite } from './store-suite.ts'

describeWith(['redis'], 'with a Redis server', () => {
  storeSuite('redis', async () => {
    const server = await startRedis()
    const another = () => redisStore(server.config)
    const [store, second] = [another(), another()]
    return {
      store,
      second,
      another,
      advance: (ms) => age([server.control], ms),
      slackMs: 20_000,
      quiet: (key) => quietWith([server.control], 2, key),
      close: async () => {
        await Promise.all([store.close(), second.close()])
        await server.stop()
      },
    }
  })
})
