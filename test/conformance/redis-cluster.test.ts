import { afterAll, beforeAll, expect, it } from 'vitest'
import { redisStore } from '../../src/store/redis/store.ts'
import { startCluster } from '../support/redis-group.ts'
import type { RedisGroup } from '../support/redis-group.ts'
import type { RedisServer } from '../support/redis-server.ts'
import { age, quietWith } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { until } from '../support/until.ts'
import { changes, committed as made, PLAIN, subject, texts as openTexts, USE } from '../unit/session/session-subject.ts'
import { committed, given, stateOf, texts, update } from './store-subject.ts'
import { storeSuite } from './store-suite.ts'

describeWith(['redis'], 'with a Redis Cluster of six', () => {
  let group: RedisGroup
  beforeAll(async () => { group = await startCluster() }, 60_000)
  afterAll(() => group.stop())

  storeSuite('redis+cluster', async () => {
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

  it('follows a slot to another node while it is in use', { timeout: 60_000 }, async () => {
    const store = redisStore(group.config)
    try {
      const key = await given(store, { count: '0' })
      const { from, to, slot } = await ends(group.servers, `unstick:${key}`)
      const moved = moveSlot(from, to, slot, `unstick:${key}`)
      for (let n = 1; n <= 200; n += 1) committed(await store.commit(key, update({ count: String(n) })))
      await moved
      for (let n = 201; n <= 220; n += 1) committed(await store.commit(key, update({ count: String(n) })))
      expect(await to.control.exists(`unstick:${key}`)).toBe(1)
      expect(await texts(store, key)).toEqual({ count: '220' })
    } finally {
      await store.close()
    }
  })

  it('rotates into another slot, and the old token leads there', async () => {
    const store = redisStore(group.config)
    const second = redisStore(group.config)
    try {
      const at = subject()
      const [here, there] = [at.beside({ store }), at.beside({ store: second })]
      const slots = new Set<number>()
      for (let n = 0; n < 8; n += 1) {
        const before = made(await here.commit(undefined, changes({ a: '1', b: '2' }), PLAIN))
        // Two requests at the same time, through two sidecars: one session comes of it, with what both wrote.
        const opened = await there.open(before.token, USE)
        const [one, two] = await Promise.all([
          here.commit(before, { ...changes({ a: 'one' }), rotate: true }, PLAIN), there.commit(opened, { ...changes({ b: 'two' }), rotate: true }, PLAIN),
        ])
        const after = [one, two].map(made).find(({ inherited }) => !inherited)
        if (after === undefined) throw new Error('nobody has the new token')
        expect(after.token.storeKey).not.toBe(before.token.storeKey)
        for (const token of [before.token, after.token]) expect(openTexts(await there.open(token, USE))).toEqual({ a: 'one', b: 'two' })
        for (const { token } of [before, after]) slots.add(await group.controls[0]?.cluster('KEYSLOT', `unstick:${token.storeKey}`) ?? -1)
      }
      // Sixteen keys in as many slots, give or take a chance meeting; over all nodes.
      expect(slots.size).toBeGreaterThan(12)
    } finally {
      await Promise.all([store.close(), second.close()])
    }
  })

  // Last, as the group has a server less after it.
  it('loses one master: its sessions are store_unavailable, never absent, until its replica serves; the others go on', { timeout: 60_000 }, async () => {
    const store = redisStore(group.config, { connectTimeoutMs: 500, commandTimeoutMs: 500 })
    try {
      const keys = await Promise.all(Array.from({ length: 60 }, () => given(store, { a: '1' })))
      const [dying] = group.servers
      if (dying === undefined) throw new Error('no server')
      const held = new Set(await dying.control.keys('unstick:*'))
      const lost = keys.filter((key) => held.has(`unstick:${key}`))
      const others = keys.filter((key) => !held.has(`unstick:${key}`))
      expect(lost.length).toBeGreaterThan(0)
      expect(await dying.control.wait(1, 5000)).toBe(1)
      await dying.kill()
      const seen = new Set<string>()
      await until('the replica serves', async () => {
        const states = await Promise.all(lost.map((key) => stateOf(store, key).catch((error: { code: string }) => error.code)))
        for (const state of states) seen.add(state)
        return states.every((state) => state === 'record')
      }, 30_000)
      expect(seen).toEqual(new Set(['store_unavailable', 'record']))
      for (const key of [...lost, ...others]) committed(await store.commit(key, update({ a: '2' })))
      for (const key of lost) expect(await texts(store, key)).toEqual({ a: '2' })
    } finally {
      await store.close()
    }
  })
})

/** The master that holds the key, and one that does not. */
async function ends(servers: readonly RedisServer[], key: string): Promise<{ from: RedisServer; to: RedisServer; slot: number }> {
  let from: RedisServer | undefined
  let to: RedisServer | undefined
  for (const server of servers) {
    if ((await server.control.role())[0] !== 'master') continue
    if ((await server.control.keys('*')).includes(key)) from = server
    else to = server
  }
  if (from === undefined || to === undefined) throw new Error('the key has no master')
  return { from, to, slot: await from.control.cluster('KEYSLOT', key) }
}

/** As an operator's tool does it (redis.io, "Cluster live reconfiguration"). */
async function moveSlot(from: RedisServer, to: RedisServer, slot: number, key: string): Promise<void> {
  const [source, target] = [await from.control.cluster('MYID'), await to.control.cluster('MYID')].map(String)
  await to.control.call('CLUSTER', 'SETSLOT', String(slot), 'IMPORTING', source ?? '')
  await from.control.call('CLUSTER', 'SETSLOT', String(slot), 'MIGRATING', target ?? '')
  await from.control.call('MIGRATE', '127.0.0.1', String(to.port), key, '0', '5000')
  await to.control.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', target ?? '')
  await from.control.call('CLUSTER', 'SETSLOT', String(slot), 'NODE', target ?? '')
}
