import { fileURLToPath } from 'node:url'
import { start, type Running } from './process.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

export interface SidecarOptions {
  readonly name: string
  /** A configuration file of `examples/`; its placeholders are filled from the options below and from `env`. */
  readonly config: string
  readonly listenPort: number
  readonly adminPort: number
  readonly appPort: number
  /** As in the configuration: `sqlite:…` or `redis://…`. */
  readonly store: string
  readonly secret: string
  readonly env?: Readonly<Record<string, string>>
}

/** `unstick run -c FILE` as a process of its own, ready when its admin port says so. */
export function startSidecar(options: SidecarOptions): Promise<Running> {
  return start({
    name: options.name,
    command: process.execPath,
    args: [CLI, 'run', '-c', options.config],
    env: {
      NODE_ENV: 'production',
      LISTEN: `127.0.0.1:${options.listenPort}`,
      ADMIN: `127.0.0.1:${options.adminPort}`,
      UPSTREAM: `http://127.0.0.1:${options.appPort}`,
      STORE: options.store,
      UNSTICK_SECRET: options.secret,
      ...options.env,
    },
    ready: async () => (await fetch(`http://127.0.0.1:${options.adminPort}/readyz`)).ok,
  })
}
