import { fileURLToPath } from 'node:url'
import { commandPath } from '../../scripts/servers.ts'
import { freePorts } from './ports.ts'
import { start, type Running } from './process.ts'
import { until } from './until.ts'

const CONFIG = fileURLToPath(new URL('../../examples/haproxy/haproxy.cfg', import.meta.url))

/** The names of the two servers, as the configuration has them and the header `Served-By` shows them. */
export const REPLICAS = ['replica-1', 'replica-2'] as const
export type ReplicaName = (typeof REPLICAS)[number]

export interface Balancer {
  /** Where clients go, such as `http://127.0.0.1:8080`. */
  readonly origin: string
  /** Waits until HAProxy has seen that `replicas` are up and the others are not. */
  serves(replicas: readonly ReplicaName[]): Promise<void>
  stop(): Promise<void>
}

/** HAProxy with the example's configuration, in front of two ports on loopback. `healthPath` must open no session. */
export async function startBalancer(ports: Readonly<Record<ReplicaName, number>>, healthPath: string): Promise<Balancer> {
  const [port = 0, statusPort = 0] = await freePorts(2)
  const origin = `http://127.0.0.1:${port}`
  const haproxy: Running = await start({
    name: 'haproxy',
    command: commandPath('haproxy') ?? 'haproxy',
    args: ['-db', '-f', CONFIG],
    env: {
      BIND: `127.0.0.1:${port}`,
      STATUS_BIND: `127.0.0.1:${statusPort}`,
      REPLICA_1: `127.0.0.1:${ports['replica-1']}`,
      REPLICA_2: `127.0.0.1:${ports['replica-2']}`,
      HEALTH_PATH: healthPath,
    },
    ready: async () => (await up(statusPort)) !== undefined,
  })
  return {
    origin,
    serves: async (replicas) => {
      const expected = [...replicas].sort().join(' and ')
      let last = 'nothing'
      await until(`the balancer counts on ${expected}`, async () => {
        last = (await up(statusPort)).sort().join(' and ')
        return last === expected
      }, 15_000, () => `it counts on ${last}\n${haproxy.output()}`)
    },
    stop: () => haproxy.stop(),
  }
}

/** The servers that HAProxy sends requests to, from the CSV of its statistics: proxy, server, …, status in column 18. */
async function up(statusPort: number): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${statusPort}/;csv`)
  const rows = (await response.text()).split('\n').map((row) => row.split(','))
  return rows.filter(([proxy, server]) => proxy === 'app' && server !== 'BACKEND').filter((row) => row[17]?.startsWith('UP') === true).map((row) => row[1] ?? '')
}
