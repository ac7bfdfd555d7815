/** A sidecar in this process, on ports of its own, with every key of its configuration set. */
import { type Clock, systemClock } from '../../src/clock.ts'
import type { Address, Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { createLog } from '../../src/log.ts'
import { type Sidecar, startSidecar } from '../../src/sidecar.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { unhurriedStore } from './unhurried-store.ts'

export const SECRET = 'a secret of the tests, 32 characters or more'

export interface Overrides {
  readonly listen?: Address
  readonly secrets?: readonly string[]
  readonly session?: Partial<Config['session']>
  readonly cookies?: Partial<Config['carriers']['cookies']>
  readonly files?: Config['carriers']['files']
  /** `carriers.headers`, in YAML. */
  readonly headers?: string
  readonly routes?: Config['routes']
  readonly limits?: Partial<Config['limits']>
  readonly trustedProxies?: readonly string[]
  readonly adminToken?: string
  /** Keep no log, for tests that send very many requests. */
  readonly forgetful?: boolean
  /** Default: one in memory, of this sidecar alone, that takes a turn of the event loop for each call. */
  readonly store?: SessionStore
  /** The sidecar's own, which the store's need not agree with. */
  readonly clock?: Clock
  /** Instead of `store`: the sidecar opens it itself. */
  readonly storeConfig?: Config['store']
}

export interface RunningSidecar extends AsyncDisposable {
  readonly address: Address
  readonly admin: Address
  /** The log at level debug, as one text. */
  log(): string
  /** Starts the drain; resolves when all is stopped. Called again: the same. */
  stop(): Promise<void>
}

/** The vaulted cookie of these tests is `sid`, and `remember_*`. */
export function configFor(upstream: Address, overrides: Overrides = {}): Config {
  return {
    listen: overrides.listen ?? { host: '127.0.0.1', port: 0 },
    upstream,
    store: overrides.storeConfig ?? { kind: 'memory' },
    secrets: overrides.secrets ?? [SECRET],
    session: {
      cookie: { name: 'unstick', path: '/', domain: undefined, sameSite: 'lax', secure: 'auto' },
      idleTimeoutMs: 1_800_000, lifetimeMs: 86_400_000, touchIntervalMs: 60_000,
      ...overrides.session,
    },
    carriers: { cookies: { names: ['sid', 'remember_*'], adopt: false, release: false, ...overrides.cookies }, files: overrides.files ?? [], headers: overrides.headers === undefined ? undefined : headersConfig(overrides.headers) },
    routes: overrides.routes ?? [],
    limits: {
      headerBytes: 32 * 1024, entryBytes: 1024 ** 2, sessionBytes: 4 * 1024 ** 2,
      upstreamConnections: 256, upstreamTimeoutMs: 10_000, drainMs: 200,
      ...overrides.limits,
    },
    trustedProxies: overrides.trustedProxies ?? ['127.0.0.0/8'],
    admin: { listen: { host: '127.0.0.1', port: 0 }, token: overrides.adminToken },
  }
}

/** As it would be read from a file. */
function headersConfig(yaml: string): Config['carriers']['headers'] {
  const text = `carriers:\n  headers:\n${yaml.replace(/^/gm, '    ')}\n`
  return loadConfig({ file: 'unstick.yaml', readFile: () => text, env: {} }).config.carriers.headers
}

export async function runSidecar(upstream: Address | { readonly address: Address }, overrides: Overrides = {}): Promise<RunningSidecar> {
  const lines: string[] = []
  const log = createLog({ level: 'debug', terminal: false, colour: false, destination: { write: (line) => { if (overrides.forgetful !== true) lines.push(line) } } })
  const config = configFor('address' in upstream ? upstream.address : upstream, overrides)
  const store = overrides.storeConfig === undefined ? { store: overrides.store ?? unhurriedStore(memoryStore({ clock: systemClock })) } : {}
  const sidecar: Sidecar = await startSidecar(config, { log, ...store, ...(overrides.clock === undefined ? {} : { clock: overrides.clock }) })
  let stopped: Promise<void> | undefined
  const stop = (): Promise<void> => (stopped ??= sidecar.stop())
  return {
    address: sidecar.address, admin: sidecar.adminAddress, stop,
    log: () => lines.join(''),
    [Symbol.asyncDispose]: stop,
  }
}
