/** The composition root: from a configuration to running parts, and back down. The only place that names concrete stores and carriers. */
import { existsSync } from 'node:fs'
import { AdminServer, type Readiness } from './admin/server.ts'
import { createMetrics, type Metrics } from './admin/metrics.ts'
import type { Carrier } from './carrier/carrier.ts'
import { cookiesCarrier } from './carrier/cookies.ts'
import { filesCarrier } from './carrier/files.ts'
import { headersCarrier } from './carrier/headers.ts'
import { type Clock, systemClock } from './clock.ts'
import type { Address, CaptureConfig, Config } from './config/config.ts'
import { compileRoutes, compileRules, routeDefaults } from './config/routes.ts'
import { Keyring } from './crypto/keyring.ts'
import { CookieNames, cookieSorter } from './http/cookie-names.ts'
import { TrustedProxies } from './http/forwarded.ts'
import { headerKinds } from './http/header-names.ts'
import { UnstickError } from './errors.ts'
import { meetStore } from './first-contact.ts'
import type { Logger } from './log.ts'
import type { Parts } from './proxy/parts.ts'
import { ProxyServer } from './proxy/server.ts'
import { Upstream } from './proxy/upstream.ts'
import { Warnings } from './proxy/warnings.ts'
import { localSecret } from './session/local-secret.ts'
import { Labels } from './session/label.ts'
import { Registry } from './session/registry.ts'
import { Sealing } from './session/sealing.ts'
import { StoreClock } from './session/store-clock.ts'
import { Sessions } from './session/sessions.ts'
import { TokenCookie } from './session/token-cookie.ts'
import { Tokens } from './session/token.ts'
import { memoryStore } from './store/memory.ts'
import { redisStore } from './store/redis/store.ts'
import { sqliteStore } from './store/sqlite.ts'
import type { SessionStore } from './store/store.ts'
import { timedStore } from './store/timed.ts'
import type { Telemetry } from './telemetry.ts'

export interface SidecarOptions {
  readonly log: Logger
  readonly clock?: Clock
  /** Instead of the store that the configuration names: for tests that share one between sidecars of one process. */
  readonly store?: SessionStore
}

export interface Sidecar {
  readonly address: Address
  readonly adminAddress: Address
  /** Unready at once, then finishes what is in flight within `limits.drain`, then ends everything. */
  stop(): Promise<void>
}

/** Starts a sidecar. Throws `start_failed`, with nothing left running. A store that is away does not keep it from starting. */
export async function startSidecar(config: Config, { log, clock = systemClock, store: given }: SidecarOptions): Promise<Sidecar> {
  let readiness: Readiness = 'starting'
  const undo: (() => Promise<void>)[] = []
  try {
    const upstream = createUpstream(config)
    undo.push(() => upstream.close())
    const keyring = createKeyring(config)
    const proxy: { server?: ProxyServer; sessions?: Sessions } = {}
    const metrics = createMetrics({
      requestsInFlight: () => proxy.server?.inFlight ?? 0,
      upstreamInFlight: () => upstream.inFlight,
      requestsWaitingForLock: () => proxy.sessions?.locks.waiting ?? 0,
      secrets: () => keyring.keys,
    })
    const store = given ?? openStore(config, clock)
    undo.push(() => store.close())
    const storeClock = new StoreClock(clock)
    const parts = createParts(config, { log, clock, storeClock, keyring, metrics, upstream, store: timedStore(store, metrics.telemetry, () => log.info({ store: store.kind }, 'the store answers again')), draining: () => readiness === 'draining' })
    proxy.sessions = parts.sessions
    const server = new ProxyServer(parts, upgradeTarget(config), config.limits)
    proxy.server = server
    const admin = new AdminServer({ metrics, sessions: new Registry(store, new Labels(keyring)), readiness: () => readiness, token: config.admin.token })
    const adminAddress = await admin.listen(config.admin.listen)
    undo.push(() => admin.close())
    const stopped = new AbortController()
    undo.push(async () => stopped.abort())
    const reportStore = await meetStore(store, storeClock, stopped.signal)
    const address = await server.listen(config.listen)
    readiness = 'ready'
    log.info({ keys: keyring.keys.map(({ idText }) => idText) }, 'the secrets by their key ids: the first one seals and signs, all open')
    reportStore(log)
    return {
      address, adminAddress,
      async stop() {
        readiness = 'draining'
        await server.drain(config.limits.drainMs)
        for (const end of undo.toReversed()) await end()
      },
    }
  } catch (error) {
    for (const end of undo.toReversed()) await end()
    throw error
  }
}

/** The sessions of a configuration's store, for who looks after them. Throws `not_supported` for a store that only its sidecar can reach, `start_failed` for none. */
export function openRegistry(config: Config): { readonly registry: Registry; readonly close: () => Promise<void> } {
  if (config.store.kind === 'memory') throw new UnstickError('not_supported', 'The store memory: lives in the process of its sidecar. Ask that one: GET /sessions?subject=NAME on its admin port.')
  if (config.store.kind === 'sqlite' && !existsSync(config.store.path)) throw new UnstickError('start_failed', `There is no session database at ${config.store.path}. Run this where the sidecar runs, with its configuration.`)
  const store = openStore(config, systemClock)
  return { registry: new Registry(store, new Labels(createKeyring(config))), close: () => store.close() }
}

function createParts(config: Config, running: { log: Logger; clock: Clock; storeClock: StoreClock; keyring: Keyring; metrics: Metrics; upstream: Upstream; store: SessionStore; draining: () => boolean }): Parts {
  const { log, clock, storeClock, keyring, metrics, upstream, store, draining } = running
  const { session, limits } = config
  const tokens = new Tokens(keyring)
  const tokenCookie = new TokenCookie(session.cookie)
  const vaulted = new CookieNames([...config.carriers.cookies.names, ...config.carriers.files.map((rule) => rule.cookie)])
  const carriers = createCarriers(config, vaulted, { log, clock, telemetry: metrics.telemetry })
  return {
    upstream, log, warnings: new Warnings(log, clock), vaulted, tokens, tokenCookie, draining,
    telemetry: metrics.telemetry,
    routes: compileRoutes(config.routes, routeDefaults(config)),
    trusted: new TrustedProxies(config.trustedProxies),
    sorter: cookieSorter(tokenCookie.names, vaulted),
    headerKind: headerKinds(reservedHeaders(config)),
    sessions: new Sessions({
      store, tokens, clock, sealing: new Sealing(keyring, clock), storeClock, telemetry: metrics.telemetry,
      idleTimeoutMs: session.idleTimeoutMs, lifetimeMs: session.lifetimeMs, touchIntervalMs: session.touchIntervalMs,
      entryBytes: limits.entryBytes, sessionBytes: limits.sessionBytes,
    }),
    carriers,
    commitsAtEnd: carriers.some(({ commitPoint }) => commitPoint === 'end'),
    upstreamTimeoutMs: limits.upstreamTimeoutMs,
  }
}

/** In the order in which they inject: files look at the cookies that the app will see, and so do capture rules. */
function createCarriers({ carriers, session, limits }: Config, vaulted: CookieNames, running: { log: Logger; clock: Clock; telemetry: Telemetry }): Carrier[] {
  const { log, clock, telemetry } = running
  const list: Carrier[] = []
  if (carriers.cookies.names.length + carriers.files.length > 0) {
    const { adopt, release } = carriers.cookies
    list.push(cookiesCarrier({ names: vaulted, adopt, release: release ? { telemetry } : undefined, touchIntervalMs: session.touchIntervalMs, log }))
  }
  if (carriers.files.length > 0) {
    list.push(filesCarrier({ rules: carriers.files, clock, log, touchIntervalMs: session.touchIntervalMs, lockWaitMs: limits.upstreamTimeoutMs, maxBytes: limits.entryBytes }))
  }
  if (carriers.headers !== undefined) {
    list.push(headersCarrier({ ...carriers.headers, rules: compileRules(carriers.headers.capture, withoutLearning), headerBytes: limits.headerBytes, entryBytes: limits.entryBytes, log, telemetry }))
  }
  return list
}

/**
 * A path that is not quite the rule's may be another to the app, so nothing is learned there; but what a rule keeps from clients is kept, and a session
 * that it ends is ended, all the same.
 */
const withoutLearning = (rule: CaptureConfig): CaptureConfig | undefined =>
  (rule.strip.length === 0 && !rule.destroy ? undefined : { ...rule, set: [], subject: undefined })

/** What only the sidecar and the app say to each other. */
function reservedHeaders({ carriers: { headers } }: Config): string[] {
  if (headers === undefined) return []
  const { send, id, receive, inject } = headers
  return [send, id, ...Object.values(receive), ...inject.map(({ name }) => name)].filter((name) => name !== undefined)
}

const createKeyring = ({ secrets, store }: Config): Keyring => new Keyring(secrets.length > 0 ? secrets : [localSecret(store)])

function openStore({ store }: Config, clock: Clock): SessionStore {
  switch (store.kind) {
    case 'memory': return memoryStore({ clock })
    case 'sqlite': return sqliteStore({ path: store.path, clock })
    case 'redis': return redisStore(store)
  }
}

function createUpstream(config: Config): Upstream {
  const { upstream, limits } = config
  const common = {
    headerKind: headerKinds(reservedHeaders(config)),
    connections: limits.upstreamConnections,
    timeoutMs: limits.upstreamTimeoutMs,
    // One vaulted cookie may be as large as an entry.
    maxHeaderBytes: limits.headerBytes + limits.entryBytes,
  }
  if ('unix' in upstream) return new Upstream({ ...common, origin: 'http://localhost', socketPath: upstream.unix })
  const host = upstream.host.includes(':') ? `[${upstream.host}]` : upstream.host
  return new Upstream({ ...common, origin: `${upstream.tls === true ? 'https' : 'http'}://${host}:${upstream.port}` })
}

function upgradeTarget({ upstream }: Config): { host: string; port: number; tls: boolean } | { socketPath: string } {
  return 'unix' in upstream ? { socketPath: upstream.unix } : { host: upstream.host, port: upstream.port, tls: upstream.tls === true }
}
