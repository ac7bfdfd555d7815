/** Two sidecars whose clocks are two minutes apart: sessions and cookies end to the second, by the store's clock, whoever made them and whoever asks. */
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { redisStore } from '../../src/store/redis/store.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { type HttpApp, httpApp } from '../support/origin-app.ts'
import { headerValue } from '../support/raw-client.ts'
import { age, startRedis } from '../support/redis-server.ts'
import { type RunningSidecar, runSidecar } from '../support/running-sidecar.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { testClock } from '../support/test-clock.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

interface Shared extends AsyncDisposable {
  connect(): SessionStore
  /** As if it had been written so much earlier. */
  pass(ms: number): Promise<void>
}

const IDLE = 1_800_000
const off = (ms: number) => ({ now: () => systemClock.now() + ms })

const suite = (shared: () => Promise<Shared>) => (): void => {
  let store: Shared
  let app: HttpApp
  let fast: RunningSidecar
  let slow: RunningSidecar
  const routes = [{ match: '/look', touch: false }]

  beforeEach(async () => {
    store = await shared()
    app = await httpApp((request, response) => {
      if (request.url === '/remember') response.setHeader('Set-Cookie', 'remember_me=1; Max-Age=100')
      cookieApp(request, response)
    })
    fast = await runSidecar(app, { routes, store: store.connect(), clock: off(60_000) })
    slow = await runSidecar(app, { routes, store: store.connect(), clock: off(-60_000) })
  })
  afterEach(async () => {
    for (const each of [fast, slow]) await each.stop()
    await app[Symbol.asyncDispose]()
    await store[Symbol.asyncDispose]()
  })

  const look = async (sidecar: RunningSidecar, { cookie }: TokenHolder): Promise<string> => (await new TokenHolder(sidecar.address, cookie).get('/look')).body

  it('a session that is not used ends at its idle timeout, not a second before', async () => {
    for (const maker of [fast, slow]) {
      const visitor = new TokenHolder(maker.address)
      await visitor.get('/set?here')
      await store.pass(IDLE - 1_000)
      for (const asked of [fast, slow]) expect(await look(asked, visitor)).toBe('sid=here')
      await store.pass(1_000)
      for (const asked of [fast, slow]) expect(await look(asked, visitor)).toBe('')
    }
  })

  it('use at one keeps it alive at the other for just as long', async () => {
    const visitor = new TokenHolder(fast.address)
    await visitor.get('/set?here')
    await store.pass(IDLE - 1_000)
    expect((await new TokenHolder(slow.address, visitor.cookie).get('/')).body).toBe('sid=here')
    await store.pass(IDLE - 1_000)
    expect(await look(fast, visitor)).toBe('sid=here')
    await store.pass(1_000)
    for (const asked of [fast, slow]) expect(await look(asked, visitor)).toBe('')
  })

  it('a cookie of the first session that a sidecar makes gets the time that its app gave it', async () => {
    for (const maker of [fast, slow]) {
      const visitor = new TokenHolder(maker.address)
      const response = await visitor.get('/remember')
      // Rounded up, and the time of a test store stands still.
      expect(headerValue(response, 'set-cookie')).toMatch(/; Max-Age=10[01]$/)
      for (const asked of [fast, slow]) expect(await look(asked, visitor)).toBe('remember_me=1')
    }
  })
}

describe('over SQLite', suite(async () => {
  const folder = await temporaryFolder()
  const clock = testClock(systemClock.now())
  return {
    connect: () => sqliteStore({ path: join(folder.path, 'sessions.db'), clock }),
    pass: async (ms) => { clock.advance(ms) },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  }
}))

describeWith(['redis'], 'over Redis', suite(async () => {
  const server = await startRedis()
  return {
    connect: () => redisStore(server.config),
    pass: (ms) => age([server.control], ms),
    [Symbol.asyncDispose]: () => server.stop(),
  }
}))
