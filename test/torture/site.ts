/** What is under torture: a store, replicas of the app, each with a sidecar process of its own, and the ways to harm them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Program, type Running, start } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { Secrets } from './secrets.ts'
import { type CarrierName, ID_COOKIE, type StoreName } from './words.ts'

const APP = fileURLToPath(new URL('app.ts', import.meta.url))

export interface SiteOptions {
  readonly carrier: CarrierName
  readonly store: StoreName
  readonly replicas: number
  /** The command line of the sidecar to torture: of this work tree, or of a broken copy. */
  readonly cli: string
  readonly leaseMs: number
  /** For everything that lies on a disk. */
  readonly folder: string
}

/** A process that can be taken away and put back in its place. */
export class Place {
  readonly #program: Program
  #running: Running | undefined

  constructor(program: Program) {
    this.#program = program
  }

  async up(): Promise<void> {
    this.#running = await start(this.#program)
  }

  async kill(): Promise<void> {
    await this.#running?.kill()
  }

  /** As an operator would. */
  async stop(): Promise<void> {
    await this.#running?.stop()
  }

  stand(): void {
    this.#running?.signal('SIGSTOP')
  }

  goOn(): void {
    this.#running?.signal('SIGCONT')
  }

  output(): string {
    return this.#running?.output() ?? ''
  }
}

export interface Site extends AsyncDisposable {
  /** Where the sidecars listen. */
  readonly ports: readonly number[]
  /** Where they tell their metrics. */
  readonly admins: readonly number[]
  readonly secrets: Secrets
  /** Writes the configuration of a sidecar anew, with the secrets of now, for its next start. */
  configure(index: number): void
  readonly apps: readonly Place[]
  readonly sidecars: readonly Place[]
  readonly redis: RedisServer | undefined
}

export async function startSite(options: SiteOptions): Promise<Site> {
  const { carrier, store, replicas, cli, folder, leaseMs } = options
  await using undo = new AsyncDisposableStack()
  const redis = store === 'redis' ? await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']) : undefined
  if (redis !== undefined) undo.defer(() => redis.stop())
  const url = redis === undefined ? `sqlite:${join(folder, 'sessions.db')}` : `redis://127.0.0.1:${redis.port}`
  const ports = await steadyPorts(3 * replicas, undo)
  const secrets = new Secrets()
  const configFile = (index: number): string => join(folder, `unstick-${index}.yaml`)
  const configure = (index: number): void => {
    const [appPort = 0, listen = 0, admin = 0] = ports.slice(3 * index)
    writeFileSync(configFile(index), configuration({ carrier, url, appPort, listen, admin, files: join(folder, `files-${index}`), secret: secrets.list, lockWaitMs: 3 * leaseMs }))
  }
  const apps: Place[] = []
  const sidecars: Place[] = []
  for (let index = 0; index < replicas; index += 1) {
    const [appPort = 0, , admin = 0] = ports.slice(3 * index)
    const files = join(folder, `files-${index}`)
    mkdirSync(files)
    configure(index)
    apps.push(new Place({
      name: `app ${index}`, command: process.execPath, args: [APP, String(appPort), carrier, files, index % 2 === 0 ? 'atomic' : 'in-place'],
      ready: () => answers(`http://127.0.0.1:${appPort}/free/read`),
    }))
    sidecars.push(new Place({
      name: `sidecar ${index}`, command: process.execPath, args: [cli, 'run', '-c', configFile(index), '--log-level', 'warn'],
      env: { NODE_ENV: 'production' },
      ready: () => answers(`http://127.0.0.1:${admin}/readyz`),
    }))
  }
  const places = [...apps, ...sidecars]
  undo.defer(async () => { await Promise.all(places.map((place) => place.kill())) })
  await Promise.all(places.map((place) => place.up()))
  const owned = undo.move()
  return { ports: ports.filter((_, at) => at % 3 === 1), admins: ports.filter((_, at) => at % 3 === 2), secrets, configure, apps, sidecars, redis, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}

function configuration(of: { carrier: CarrierName; url: string; appPort: number; listen: number; admin: number; files: string; secret: readonly string[]; lockWaitMs: number }): string {
  // Touches at every turn and short limits: as many writes and as many ends of waiting as can be had.
  const lockWait = `${of.lockWaitMs}ms`
  return JSON.stringify({
    listen: `127.0.0.1:${of.listen}`,
    upstream: `http://127.0.0.1:${of.appPort}`,
    store: of.url,
    secret: of.secret,
    session: { touchInterval: '1s' },
    carriers: of.carrier === 'cookies'
      ? { cookies: { names: [ID_COOKIE, 'e?'] } }
      : { files: [{ cookie: ID_COOKIE, path: join(of.files, 'sess_{id}') }] },
    routes: of.carrier === 'cookies'
      ? [{ match: '/locked/**', lock: 'exclusive', lockWait }]
      : [{ match: '/bare/**', lock: 'off' }, { match: '/**', lock: 'exclusive', lockWait }],
    limits: { upstreamTimeout: '25s', drain: '1s' },
    admin: { listen: `127.0.0.1:${of.admin}` },
  })
}

async function answers(url: string): Promise<boolean> {
  return (await fetch(url)).ok
}

const FIRST_PORT = 10_000
const BLOCK = 32

/**
 * Ports below those that the system gives to outgoing connections: a process that was killed must get its own back, which one of the
 * clients' connections could have taken meanwhile. In a block of their own, claimed by listening on its first port for as long as the
 * site stands: several runs at a time would take each other's between looking and starting.
 */
async function steadyPorts(count: number, undo: AsyncDisposableStack): Promise<number[]> {
  for (let attempt = 0; attempt < 1_000; attempt += 1) {
    // Not from the seed, or all runs would begin at the same block.
    const first = FIRST_PORT + BLOCK * Math.floor(Math.random() * 680)
    const claim = await listening(first)
    if (claim === undefined) continue
    undo.defer(() => closed(claim))
    const ports: number[] = []
    for (let port = first + 1; ports.length < count && port < first + BLOCK; port += 1) {
      const server = await listening(port)
      if (server === undefined) continue
      ports.push(port)
      await closed(server)
    }
    if (ports.length === count) return ports
  }
  throw new Error('there are not enough free ports between 10000 and 32000')
}

/** undefined: somebody else does. */
async function listening(port: number): Promise<Server | undefined> {
  const server = createServer()
  const there = once(server, 'listening').then(() => true, () => false)
  server.listen(port, '127.0.0.1')
  return await there ? server : undefined
}

async function closed(server: Server): Promise<void> {
  server.close()
  await once(server, 'close')
}
