import { fileURLToPath } from 'node:url'
import { commandPath } from '../../scripts/servers.ts'
import { freePort } from './ports.ts'
import { start, type Running } from './process.ts'
import { until } from './until.ts'

const CONFIG = fileURLToPath(new URL('../../examples/haproxy/haproxy.cfg', import.meta.url))

/** The names of the two servers, as the configuration has them and the header `Served-By` shows them. */
export const REPLICAS = ['replica-1', 'replica-2'] as const
export type ReplicaName = (typeof REPLICAS)[number]

export interface Balancer {
  /** Where clients go, such as `http://127.0.0.1:8080`. */
  readonly origin: string
  /** Waits until exactly `replicas` answer, in turn. */
  serves(replicas: readonly ReplicaName[]): Promise<void>
  stop(): Promise<void>
}

/** HAProxy with the example's configuration, in front of two ports on loopback. `healthPath` must open no session. */
export async function startBalancer(ports: Readonly<Record<ReplicaName, number>>, healthPath: string): Promise<Balancer> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const haproxy: Running = await start({
    name: 'haproxy',
    command: commandPath('haproxy') ?? 'haproxy',
    args: ['-db', '-f', CONFIG],
    env: {
      BIND: `127.0.0.1:${port}`,
      REPLICA_1: `127.0.0.1:${ports['replica-1']}`,
      REPLICA_2: `127.0.0.1:${ports['replica-2']}`,
      HEALTH_PATH: healthPath,
    },
    ready: async () => (await fetch(origin + healthPath)).status < 600,
  })
  return {
    origin,
    serves: async (replicas) => {
      const expected = [...replicas].sort().join(' and ')
      let last = ''
      await until(`the balancer serves ${expected}`, async () => {
        const seen = new Set<string>()
        for (let i = 0; i < 4; i += 1) seen.add(await whoAnswers(origin + healthPath))
        last = [...seen].sort().join(' and ')
        return last === expected
      }, 15_000, () => `it serves ${last}\n${haproxy.output()}`)
    },
    stop: () => haproxy.stop(),
  }
}

async function whoAnswers(url: string): Promise<string> {
  const response = await fetch(url)
  await response.arrayBuffer()
  return response.status < 400 ? (response.headers.get('served-by') ?? 'haproxy') : `status ${response.status}`
}
