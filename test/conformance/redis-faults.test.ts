/** What becomes of a Redis store when its server dies, hangs, refuses or is not the one that was meant. */
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterEach, expect, it } from 'vitest'
import { redisStore } from '../../src/store/redis/store.ts'
import type { RedisStoreOptions } from '../../src/store/redis/store.ts'
import type { SessionStore, StoreKey } from '../../src/store/store.ts'
import { freePort } from '../support/ports.ts'
import { singleConfig, startRedis } from '../support/redis-server.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { committed, create, given, grant, IDLE, LEASE, LIFETIME, newKey, stateOf, texts, update } from './store-subject.ts'

const QUICK: RedisStoreOptions = { connectTimeoutMs: 500, commandTimeoutMs: 500 }
const UNAVAILABLE = { code: 'store_unavailable' }

describeWith(['redis'], 'the redis store', () => {
  const started: (() => Promise<unknown>)[] = []
  const startServer = async (args: readonly string[] = []): Promise<RedisServer> => {
    const server = await startRedis(args)
    started.push(() => server.stop())
    return server
  }
  const connect = (config: Parameters<typeof redisStore>[0], options = QUICK): SessionStore => {
    const store = redisStore(config, options)
    started.push(() => store.close())
    return store
  }
  afterEach(async () => {
    for (const stop of started.splice(0).toReversed()) await stop()
  })

  /** Runs all calls; each must throw, and all of them within `ms`. */
  const expectUnavailable = async (store: SessionStore, key: StoreKey, ms: number): Promise<void> => {
    const start = performance.now()
    const lease = { holder: 'one', fence: 1 }
    await Promise.all([
      expect(store.open(key, {})).rejects.toMatchObject(UNAVAILABLE),
      expect(store.open(newKey(), { lock: { holder: 'one', leaseMs: LEASE } })).rejects.toMatchObject(UNAVAILABLE),
      expect(store.commit(key, update({ a: '2' }))).rejects.toMatchObject(UNAVAILABLE),
      expect(store.destroy(newKey(), 1000)).rejects.toMatchObject(UNAVAILABLE),
      expect(store.renew(key, lease, LEASE)).rejects.toMatchObject(UNAVAILABLE),
      expect(store.release(key, lease)).rejects.toMatchObject(UNAVAILABLE),
      expect(store.ping()).rejects.toMatchObject(UNAVAILABLE),
    ])
    expect(performance.now() - start).toBeLessThan(ms)
  }

  it('throws store_unavailable while its server is dead, at once, and works again when it is back', async () => {
    const server = await startServer(['--appendonly', 'yes', '--appendfsync', 'always'])
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await grant(store, key, 'one')
    await server.kill()
    await expectUnavailable(store, key, 2000)
    await expectUnavailable(store, key, 400)
    await server.restart()
    await until('the store serves', async () => { await store.ping(); return true }, 10_000)
    expect(await texts(store, key)).toEqual({ a: '1' })
    expect((await store.open(key, { lock: { holder: 'two', leaseMs: LEASE } })).state).toBe('busy')
  })

  it('has lost what a server without persistence had, and says absent only once that server serves', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await server.kill()
    await expect(store.open(key, {})).rejects.toMatchObject(UNAVAILABLE)
    await server.restart()
    expect(await until('the store serves', () => stateOf(store, key), 10_000)).toBe('absent')
    committed(await store.commit(key, create({ fresh: '1' })))
  })

  it('waits for a server that hangs no longer than its timeout, and works again when it goes on', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await server.pause()
    await expectUnavailable(store, key, 2000)
    server.resume()
    await until('the store serves', async () => { await store.ping(); return true }, 10_000)
    expect(['record', 'absent', 'destroyed']).toContain(await stateOf(store, key))
    committed(await store.commit(newKey(), create({ a: '1' })))
  })

  it('gives up a connection that stays silent, and then fails at once', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await server.pause()
    await until('it fails at once', async () => {
      const start = performance.now()
      await expect(store.open(key, {})).rejects.toMatchObject(UNAVAILABLE)
      return performance.now() - start < 100
    }, 10_000)
    server.resume()
    await until('the store serves', async () => (await stateOf(store, key)) === 'record', 10_000)
  })

  it('starts without its server, and serves when that comes', async () => {
    const port = await freePort()
    const store = connect(singleConfig(port))
    await expectUnavailable(store, newKey(), 2000)
    const server = await startRedis([], port)
    started.push(() => server.stop())
    await until('the store serves', async () => { await store.ping(); return true }, 10_000)
  })

  it('holds back calls that come before the connection is made, and loses none', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const answers = await Promise.all(Array.from({ length: 50 }, () => store.commit(newKey(), create({ a: '1' }))))
    expect(new Set(answers.map(({ state }) => state))).toEqual(new Set(['committed']))
  })

  it('lets nobody wait for a lease on a server that is gone', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await grant(store, key, 'one')
    const start = performance.now()
    const waiting = store.released(key, 60_000, new AbortController().signal)
    await server.kill()
    await waiting
    await store.released(key, 60_000, new AbortController().signal)
    expect(performance.now() - start).toBeLessThan(4000)
  })

  it('hears of releases again after its server was away', async () => {
    const server = await startServer(['--appendonly', 'yes', '--appendfsync', 'always'])
    const [store, second] = [connect(server.config), connect(server.config)]
    const key = await given(store, { a: '1' })
    const lease = await grant(store, key, 'one')
    const asked = new AbortController()
    const before = second.released(key, 60_000, asked.signal)
    await server.kill()
    await before
    await server.restart()
    await until('both serve', async () => { await Promise.all([store.ping(), second.ping()]); return true }, 10_000)
    const start = performance.now()
    const waiting = second.released(key, 60_000, asked.signal)
    await store.release(key, lease)
    await waiting
    expect(performance.now() - start).toBeLessThan(4000)
  })

  it('throws store_unavailable where the server has no memory left for a write, and still reads', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    const lease = await grant(store, key, 'one')
    await server.control.config('SET', 'maxmemory', '1')
    await expect(store.commit(newKey(), create({ a: '1' }))).rejects.toMatchObject(UNAVAILABLE)
    await expect(store.commit(key, update({ a: '2' }, { remove: new Set(['b']) }))).rejects.toMatchObject(UNAVAILABLE)
    expect(await texts(store, key)).toEqual({ a: '1' })
    await store.release(key, lease)
    expect(await store.renew(key, lease, LEASE)).toBe(false)
    await store.destroy(key, 60_000)
    expect(await stateOf(store, key)).toBe('destroyed')
    await server.control.config('SET', 'maxmemory', '0')
    committed(await store.commit(newKey(), create({ a: '1' })))
  })

  it('throws store_unavailable where the server turned into a replica', async () => {
    const [server, master] = [await startServer(), await startServer()]
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await server.control.replicaof('127.0.0.1', master.port)
    await expect(store.commit(key, update({ a: '2' }))).rejects.toMatchObject(UNAVAILABLE)
    await server.control.replicaof('NO', 'ONE')
    await until('the store writes', async () => (await store.commit(newKey(), create({ a: '1' }))).state === 'committed', 10_000)
  })

  it('goes on when the server has forgotten the scripts', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await texts(store, key)
    await server.control.script('FLUSH')
    expect(await texts(store, key)).toEqual({ a: '1' })
    committed(await store.commit(key, update({ a: '2' })))
  })

  it('connects over a unix socket, with a password and a database, and tells a wrong password from an empty store', async () => {
    await using folder = await temporaryFolder()
    const unix = join(folder.path, 'redis.sock')
    const server = await startRedis(['--unixsocket', unix, '--user', 'sidecar', 'on', '>swordfish', '~unstick:*', '&unstick:*', '+@all'])
    started.push(() => server.stop())
    const config = { ...server.config, unix, username: 'sidecar', password: 'swordfish', db: 3 }
    const key = await given(connect(config), { a: '1' })
    await server.control.select(3)
    expect(await server.control.exists(`unstick:${key}`)).toBe(1)
    const error: unknown = await connect({ ...config, password: 'not-swordfish' }).open(key, {}).catch((error: unknown) => error)
    expect(error).toMatchObject(UNAVAILABLE)
    expect(inspect(error, { depth: 9 })).not.toContain('swordfish')
  })

  it('tells nothing of a session in its errors', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = newKey()
    await server.control.set(`unstick:${key}`, 'not a hash')
    const error: unknown = await store.commit(key, create({ name: 'the value' })).catch((error: unknown) => error)
    expect(error).toMatchObject(UNAVAILABLE)
    const told = inspect(error, { depth: 9, showHidden: true })
    for (const secret of [key, 'the value', Buffer.from('the value').toString('hex').match(/../g)?.join(' ') ?? '']) expect(told).not.toContain(secret)
  })

  it('opens and commits in one round trip, and writes nothing for a plain open', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const key = await given(store, { a: '1' })
    await texts(store, key)
    /** How often the server ran each command, those within scripts too, since the last time this was asked. */
    const ran = async (): Promise<Record<string, number>> => {
      const stats = await server.control.info('commandstats')
      await server.control.config('RESETSTAT')
      const counts = [...stats.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].map(([, name = '', calls]): [string, number] => [name, Number(calls)])
      return Object.fromEntries(counts.filter(([name]) => !/^(?:info|config\|resetstat)$/.test(name)))
    }
    await ran()
    await store.open(key, {})
    await store.open(key, { known: 1 })
    await store.open(key, { touch: { idleMs: IDLE, intervalMs: 60_000 } })
    await store.open(newKey(), {})
    expect(await ran()).toEqual({ evalsha: 4, time: 4, hmget: 4, hgetall: 2 })
    await store.commit(key, update({ a: '2', b: '3' }, { remove: new Set(['c']), idleMs: IDLE }))
    expect(await ran()).toEqual({ evalsha: 1, time: 1, hmget: 1, hstrlen: 3, hset: 3, hdel: 1, pexpireat: 1 })
  })

  it('has the server forget keys when they mean nothing any more', async () => {
    const server = await startServer()
    const store = connect(server.config)
    const left = async (key: StoreKey): Promise<number> => (await server.control.pttl(`unstick:${key}`)) / 1000
    const around = (ms: number): [number, number] => [ms / 1000 - 20, ms / 1000 + 1]
    const expectLeft = async (key: StoreKey, ms: number): Promise<void> => {
      const [least, most] = around(ms)
      expect(await left(key)).toBeGreaterThan(least)
      expect(await left(key)).toBeLessThan(most)
    }
    const key = await given(store, { a: '1' })
    await expectLeft(key, IDLE)
    await store.open(key, { touch: { idleMs: 2 * IDLE, intervalMs: 0 } })
    await expectLeft(key, 2 * IDLE)
    await store.commit(key, update({}, { idleMs: IDLE }))
    await expectLeft(key, IDLE)
    await store.commit(key, update({}, { keepMs: 2 * LIFETIME }))
    await expectLeft(key, 2 * LIFETIME)
    await store.commit(key, update({}, { move: { successor: new Uint8Array(1), graceMs: 30_000 } }))
    await expectLeft(key, 90_000)
    await store.destroy(key, 60_000)
    await expectLeft(key, 60_000)
  })
})
