import { join } from 'node:path'
import { startRedis } from '../support/redis-server.ts'

/** The store that the sidecars of one site share. */
export interface SharedStore {
  /** As in the sidecar's configuration. */
  readonly url: string
  stop(): Promise<void>
}

/** A file in `folder`, or a real server on loopback that keeps nothing on disk. */
export async function startStore(kind: 'sqlite' | 'redis', folder: string): Promise<SharedStore> {
  if (kind === 'sqlite') return { url: `sqlite:${join(folder, 'unstick.db')}`, stop: async () => {} }
  const redis = await startRedis()
  return { url: `redis://127.0.0.1:${redis.port}`, stop: () => redis.stop() }
}
