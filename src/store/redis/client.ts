/** The connection to Redis: a single server, one found through Sentinels, or a Cluster. Runs the scripts, bounded in time. */
import { Cluster, Redis } from 'ioredis'
import type { ClusterOptions, RedisOptions } from 'ioredis'
import type { Millis } from '../../clock.ts'
import type { StoreConfig } from '../../config/config.ts'
import { UnstickError } from '../../errors.ts'
import { Readiness } from './readiness.ts'
import { scripts } from './scripts.ts'
import type { Operation } from './scripts.ts'

export type RedisConfig = Extract<StoreConfig, { kind: 'redis' }>

export interface RedisTimeouts {
  /** Until a connection is made and greeted. */
  readonly connectMs: Millis
  /** Until a command is answered. Its outcome is unknown after that: it is never sent again. */
  readonly commandMs: Millis
}

export type ScriptArgument = string | Buffer

/** Without `replyMapping`, by which the library's types tell its constructors apart. */
type SingleOptions = Omit<RedisOptions, 'replyMapping'>

type CommonOptions = Omit<SingleOptions, 'enableOfflineQueue' | 'himportFieldsets' | 'host' | 'path' | 'port' | 'readOnly' | 'retryStrategy' | 'sentinels'>

type Script = (key: string, args: readonly ScriptArgument[]) => Promise<unknown>

export class RedisClient {
  readonly #config: RedisConfig
  readonly #timeouts: RedisTimeouts
  readonly #connection: Redis | Cluster
  readonly #readiness: Readiness
  readonly #scripts: Record<Operation, Script>
  #closed = false

  constructor(config: RedisConfig, timeouts: RedisTimeouts) {
    this.#config = config
    this.#timeouts = timeouts
    this.#connection = connect(config, timeouts)
    this.#readiness = new Readiness(this.#connection, timeouts.connectMs)
    this.#scripts = defineScripts(this.#connection)
  }

  /** Throws `store_unavailable` for whatever went wrong; what the script answers is left to the caller. */
  async run(operation: Operation, key: string, args: readonly ScriptArgument[]): Promise<unknown> {
    return this.#ask(() => this.#scripts[operation](key, args))
  }

  /** The server's clock. PING first: a server that is still loading its data answers TIME all the same. */
  async ping(): Promise<Millis> {
    await this.#ask(() => this.#connection.ping())
    const [seconds = 0, micros = 0] = await this.#ask(() => this.#connection.time())
    return seconds * 1_000 + Math.floor(micros / 1_000)
  }

  /** A connection for subscriptions only. A Cluster client has one of its own, made when first used. */
  subscriber(): Redis | Cluster {
    return this.#connection instanceof Cluster ? this.#connection : connectOne(this.#config, this.#timeouts, { enableOfflineQueue: true })
  }

  close(): void {
    this.#closed = true
    this.#connection.disconnect()
    this.#readiness.close()
  }

  async #ask<T>(command: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new UnstickError('store_unavailable', `The connection to ${this.#name()} is closed.`)
    try {
      if (!this.#readiness.isReady) await this.#readiness.whenReady()
      return await command()
    } catch (error) {
      // A new error as the cause: the library's carries the command's arguments, which must not reach a log.
      const said = error instanceof Error ? error.message : String(error)
      const reason = said === 'Command timed out' ? `no answer within ${this.#timeouts.commandMs} ms` : said
      throw new UnstickError(
        'store_unavailable',
        `${this.#name()} cannot serve: ${reason}. Check that it runs and can be reached from here.`,
        { cause: new Error(reason) },
      )
    }
  }

  #name(): string {
    const { mode, nodes, unix, masterName } = this.#config
    const where = unix ?? nodes.map(({ host, port }) => `${host}:${port}`).join(', ')
    if (mode === 'cluster') return `the Redis Cluster at ${where}`
    return mode === 'sentinel' ? `the Redis master ${masterName ?? ''} of the Sentinels at ${where}` : `Redis at ${where}`
  }
}

function connect(config: RedisConfig, timeouts: RedisTimeouts): Redis | Cluster {
  return config.mode === 'cluster' ? connectCluster(config, timeouts) : connectOne(config, timeouts, {})
}

function connectOne(config: RedisConfig, timeouts: RedisTimeouts, more: SingleOptions): Redis {
  const options: SingleOptions = {
    ...commonOptions(config, timeouts),
    db: config.db,
    // Commands wait for a connection in Readiness, where waiting has an end, and not in the library's queue.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: reconnectDelay,
    // After a failover the old master refuses writes: the new one has to be looked up.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    ...more,
  }
  if (config.mode === 'sentinel') {
    return new Redis({
      ...options,
      sentinels: config.nodes.map(({ host, port }) => ({ host, port })),
      name: config.masterName ?? 'mymaster',
      sentinelCommandTimeout: timeouts.commandMs,
      failoverDetector: true,
      ...(config.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
    })
  }
  const [node] = config.nodes
  return new Redis({ ...options, ...(config.unix === undefined ? { host: node?.host ?? '127.0.0.1', port: node?.port ?? 6379 } : { path: config.unix }) })
}

function connectCluster(config: RedisConfig, timeouts: RedisTimeouts): Cluster {
  const options: Omit<ClusterOptions, 'redisOptions'> & { redisOptions: CommonOptions } = {
    redisOptions: commonOptions(config, timeouts),
    clusterRetryStrategy: reconnectDelay,
    // A command that a dying node may have run is not sent again. Those that were refused are: they have not run.
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 100,
    retryDelayOnTryAgain: 50,
    maxRedirections: 8,
    slotsRefreshTimeout: timeouts.commandMs,
    slotsRefreshInterval: SLOTS_REFRESH_MS,
    // With TLS the name must stay, for the certificate to match.
    ...(config.tls ? { dnsLookup: (address, found) => { found(null, address) } } : {}),
  }
  return new Cluster(config.nodes.map(({ host, port }) => ({ host, port })), options)
}

function commonOptions(config: RedisConfig, timeouts: RedisTimeouts): CommonOptions {
  return {
    username: config.username,
    password: config.password,
    ...(config.tls ? { tls: {} } : {}),
    connectTimeout: timeouts.connectMs,
    commandTimeout: timeouts.commandMs,
    // A connection that is silent for longer than a command may take is dead, also if nobody has said so.
    socketTimeout: timeouts.commandMs + 1000,
    // A commit whose outcome is unknown must not run later, after others.
    autoResendUnfulfilledCommands: false,
    connectionName: 'unstick',
  }
}

const SLOTS_REFRESH_MS = 5000

/** The first attempt at once, then ever slower up to about a second; for ever. */
function reconnectDelay(attempt: number): Millis {
  return attempt <= 1 ? 10 : Math.min(50 * 2 ** attempt, 1000) * (0.75 + Math.random() / 4)
}

/** The library sends EVALSHA, and the whole script where the server does not have it yet. */
function defineScripts(connection: Redis | Cluster): Record<Operation, Script> {
  const defined: Partial<Record<Operation, Script>> = {}
  for (const { operation, lua } of scripts()) {
    const name = `unstick_${operation}`
    connection.defineCommand(name, { lua, numberOfKeys: 1 })
    // The library adds methods of these names. The variant whose answers hold Buffers, as values are no text.
    const method: unknown = Reflect.get(connection, `${name}Buffer`)
    if (typeof method !== 'function') throw new TypeError(`the library has made no method of the script ${name}`)
    defined[operation] = (key, args) => method.call(connection, key, args) as Promise<unknown>
  }
  return defined as Record<Operation, Script>
}
