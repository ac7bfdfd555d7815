/** Real Redis servers of a test that belong together: a master with a replica and three Sentinels, or a Cluster of six. */
import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Redis } from 'ioredis'
import type { RedisConfig } from '../../src/store/redis/client.ts'
import { freePort, freePorts } from './ports.ts'
import { start } from './process.ts'
import type { Running } from './process.ts'
import { answersPing, startRedis } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { until } from './until.ts'

export interface RedisGroup {
  readonly config: RedisConfig
  /** The servers that hold data. */
  readonly servers: readonly RedisServer[]
  readonly controls: readonly Redis[]
  stop(): Promise<void>
}

const FAILOVER_MS = 1000
const MASTER_NAME = 'sessions'

export async function startSentinels(): Promise<RedisGroup> {
  const master = await startRedis()
  const replica = await startRedis(['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'])
  const folder = await temporaryFolder()
  const ports = await freePorts(3)
  const sentinels: Running[] = []
  const group: RedisGroup = {
    config: {
      kind: 'redis', mode: 'sentinel', tls: false, nodes: ports.map((port) => ({ host: '127.0.0.1', port })), db: 0, masterName: MASTER_NAME,
    },
    servers: [master, replica],
    controls: [master.control, replica.control],
    stop: async () => {
      await Promise.all(sentinels.map((sentinel) => sentinel.stop()))
      await Promise.all([master.stop(), replica.stop(), folder[Symbol.asyncDispose]()])
    },
  }
  await until('the replica follows', async () => (await replica.control.info('replication')).includes('master_link_status:up'), 15_000)
  for (const port of ports) sentinels.push(await startSentinel(folder.path, port, master.port))
  // Until they know each other and the replica, nobody would be elected.
  await until('the sentinels agree', async () => (await Promise.all(ports.map(knowsAll))).every(Boolean), 20_000)
  return group
}

async function startSentinel(folder: string, port: number, masterPort: number): Promise<Running> {
  const file = join(folder, `sentinel-${port}.conf`)
  await writeFile(file, `
    port ${port}
    bind 127.0.0.1
    dir ${folder}
    sentinel monitor ${MASTER_NAME} 127.0.0.1 ${masterPort} 2
    sentinel down-after-milliseconds ${MASTER_NAME} ${FAILOVER_MS}
    sentinel failover-timeout ${MASTER_NAME} 5000
  `)
  return start({
    name: `redis-sentinel on port ${port}`, command: 'redis-server', args: [file, '--sentinel'], ready: () => answersPing(port),
  })
}

async function knowsAll(port: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)('redis-cli', ['-p', String(port), 'info', 'sentinel'])
  return /status=ok,.*slaves=1,sentinels=3/.test(stdout)
}

export async function startCluster(): Promise<RedisGroup> {
  const servers: RedisServer[] = []
  for (let n = 0; n < 6; n += 1) {
    servers.push(await startRedis([
      '--cluster-enabled', 'yes', '--cluster-node-timeout', String(FAILOVER_MS), '--cluster-require-full-coverage', 'no',
      '--repl-diskless-sync-delay', '0',
    ], await clusterPort()))
  }
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`)
  await promisify(execFile)('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes'])
  await until('the nodes agree', async () => {
    const infos = await Promise.all(servers.map(async ({ control }) =>
      `${await control.cluster('INFO')}${await control.info('replication')}`))
    return infos.every((info) => /cluster_state:ok/.test(info) && /cluster_known_nodes:6/.test(info) && /role:master[^]*connected_slaves:1|master_link_status:up/.test(info))
  }, 30_000)
  return {
    config: { kind: 'redis', mode: 'cluster', tls: false, nodes: servers.map(({ port }) => ({ host: '127.0.0.1', port })), db: 0 },
    servers,
    controls: servers.map(({ control }) => control),
    stop: async () => { await Promise.all(servers.map((server) => server.stop())) },
  }
}

/** The nodes talk among themselves on the port that is larger by 10000, which must be free too. */
async function clusterPort(): Promise<number> {
  for (;;) {
    const port = await freePort()
    if (port + 10_000 > 65_535) continue
    const bus = createServer().listen(port + 10_000, '127.0.0.1')
    try {
      await once(bus, 'listening')
      return port
    } catch {
      // Taken by somebody: the next one.
    } finally {
      bus.close()
    }
  }
}
