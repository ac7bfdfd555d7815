import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { commandPath } from '../../scripts/servers.ts'
import { freePort } from '../support/ports.ts'
import { start } from '../support/process.ts'

/** The store that the sidecars of one site share. */
export interface SharedStore {
  /** As in the sidecar's configuration. */
  readonly url: string
  stop(): Promise<void>
}

/** A file in `folder`, or a real server on loopback that keeps nothing on disk. */
export async function startStore(kind: 'sqlite' | 'redis', folder: string): Promise<SharedStore> {
  if (kind === 'sqlite') return { url: `sqlite:${join(folder, 'unstick.db')}`, stop: async () => {} }
  const port = await freePort()
  const redis = await start({
    name: 'redis',
    command: commandPath('redis-server') ?? 'redis-server',
    args: ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder],
    ready: () => pings(port),
  })
  return { url: `redis://127.0.0.1:${port}`, stop: () => redis.stop() }
}

async function pings(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.toString().startsWith('+PONG')
  } finally {
    socket.destroy()
  }
}
