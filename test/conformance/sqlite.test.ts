import { join } from 'node:path'
import { sqliteStore } from '../../src/store/sqlite.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testClock } from '../support/test-clock.ts'
import { storeSuite } from './store-suite.ts'

storeSuite('sqlite', async () => {
  const folder = await temporaryFolder()
  const clock = testClock()
  const another = () => sqliteStore({ path: join(folder.path, 'sessions.db'), clock })
  const [store, second] = [another(), another()]
  return {
    store,
    second,
    another,
    advance: async (ms) => clock.advance(ms),
    slackMs: 0,
    close: async () => {
      await Promise.all([store.close(), second.close()])
      await folder[Symbol.asyncDispose]()
    },
  }
})
