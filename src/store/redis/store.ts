/**
 * Sessions in Redis or Valkey: one hash per session, so that a record, its lease and its tombstone lie in one slot, and one
 * Lua script per operation, so that each is atomic and one round trip. Time is the server's.
 */
import type { Millis } from '../../clock.ts'
import { checkDelta, checkOpen } from '../arguments.ts'
import type { Committed, Delta, Lease, OpenOptions, Opened, SessionStore, StoreKey, SubjectKey } from '../store.ts'
import { committedOf, keysOf, openedOf, truthOf } from './answers.ts'
import { RedisClient } from './client.ts'
import type { RedisConfig, ScriptArgument } from './client.ts'
import { Channels } from './channels.ts'
import { leaseGivenBack } from './releases.ts'

export interface RedisStoreOptions {
  /** Put before each store key, and before the names of channels. */
  readonly keyPrefix?: string
  readonly connectTimeoutMs?: Millis
  readonly commandTimeoutMs?: Millis
}

const DEFAULT_KEY_PREFIX = 'unstick:'
const DEFAULT_TIMEOUT_MS = 2000
/** Stands for what was not asked for, where 0 would mean something. */
const NONE = '-1'

/** Connects in the background: `ping` tells whether the server can serve. */
export function redisStore(config: RedisConfig, options: RedisStoreOptions = {}): SessionStore {
  return new RedisStore(config, options)
}

class RedisStore implements SessionStore {
  readonly kind = 'redis'
  readonly #keyPrefix: string
  readonly #client: RedisClient
  readonly #channels: Channels

  constructor(config: RedisConfig, options: RedisStoreOptions) {
    this.#keyPrefix = options.keyPrefix ?? DEFAULT_KEY_PREFIX
    this.#client = new RedisClient(config, {
      connectMs: options.connectTimeoutMs ?? DEFAULT_TIMEOUT_MS,
      commandMs: options.commandTimeoutMs ?? DEFAULT_TIMEOUT_MS,
    })
    this.#channels = new Channels({ connect: () => this.#client.subscriber(), owned: config.mode !== 'cluster', keyPrefix: this.#keyPrefix })
  }

  async open(key: StoreKey, options: OpenOptions): Promise<Opened> {
    checkOpen(options)
    const { known, touch, lock } = options
    const answer = await this.#client.run('open', this.#keyPrefix + key, [
      integer(known ?? 0),
      touch === undefined ? NONE : integer(touch.idleMs),
      integer(touch?.intervalMs ?? 0),
      lock?.holder ?? '',
      integer(lock?.leaseMs ?? 0),
    ])
    return openedOf(answer, lock?.holder ?? '')
  }

  async commit(key: StoreKey, delta: Delta): Promise<Committed> {
    checkDelta(delta)
    // The arguments are copies, made before anything is waited for.
    const answer = await this.#client.run('commit', this.#keyPrefix + key, argumentsOf(delta))
    return committedOf(answer, delta.lock?.holder ?? '')
  }

  async destroy(key: StoreKey, tombstoneMs: Millis): Promise<void> {
    await this.#client.run('destroy', this.#keyPrefix + key, [integer(tombstoneMs)])
  }

  async renew(key: StoreKey, lease: Lease, leaseMs: Millis): Promise<boolean> {
    return truthOf(await this.#client.run('renew', this.#keyPrefix + key, [lease.holder, integer(lease.fence), integer(leaseMs)]))
  }

  async release(key: StoreKey, lease: Lease): Promise<void> {
    await this.#client.run('release', this.#keyPrefix + key, [lease.holder, integer(lease.fence)])
  }

  async released(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    await leaseGivenBack(this.#channels, key, maxMs, signal, async () => truthOf(await this.#client.run('lease', this.#keyPrefix + key, [])))
  }

  watch(key: StoreKey, changed: () => void): () => void {
    let watched = true
    const stop = this.#channels.onOver(key, changed)
    // What was said before the subscription stood was not heard. Where it cannot be had now, the channels call when it can.
    this.#channels.heard(key).then(() => { if (watched) changed() }, () => undefined)
    return () => {
      watched = false
      stop()
    }
  }

  async file(subject: SubjectKey, key: StoreKey, forMs: Millis): Promise<void> {
    await this.#client.run('file', this.#listOf(subject), [key, integer(forMs)])
  }

  async filed(subject: SubjectKey, most: number): Promise<StoreKey[]> {
    return keysOf(await this.#client.run('filed', this.#listOf(subject), [integer(most)]))
  }

  async unfile(subject: SubjectKey, keys: readonly StoreKey[]): Promise<void> {
    await this.#client.run('unfile', this.#listOf(subject), keys)
  }

  async ping(): Promise<Millis> {
    return await this.#client.ping()
  }

  async close(): Promise<void> {
    this.#channels.close()
    this.#client.close()
  }

  /** No store key has a colon, so a list is never taken for a session. */
  #listOf(subject: SubjectKey): string {
    return `${this.#keyPrefix}subject:${subject}`
  }
}

/** In the order that commit.lua names. */
function argumentsOf(delta: Delta): ScriptArgument[] {
  const removed = [...delta.remove].filter((name) => !delta.set.has(name))
  const args: ScriptArgument[] = [
    delta.mode,
    integerOr(delta.idleMs),
    integerOr(delta.lifetimeMs),
    integerOr(delta.keepMs),
    integer(delta.maxBytes),
    integerOr(delta.ifVersion),
    delta.lease?.holder ?? '',
    integer(delta.lease?.fence ?? 0),
    delta.release === true ? '1' : '0',
    delta.lock?.holder ?? '',
    integer(delta.lock?.leaseMs ?? 0),
    integerOr(delta.move?.graceMs),
    Buffer.from(delta.move?.successor ?? []),
    integerOr(delta.endIfEmptyMs),
    delta.label === undefined ? '0' : '1',
    Buffer.from(delta.label ?? []),
    String(removed.length),
    ...removed,
  ]
  for (const [name, value] of delta.set) args.push(name, Buffer.from(value))
  return args
}

/** Redis counts in whole milliseconds and bytes; larger numbers than these mean "without end". */
function integer(value: number): string {
  return String(Math.trunc(Math.min(value, Number.MAX_SAFE_INTEGER)))
}

function integerOr(value: number | undefined): string {
  return value === undefined ? NONE : integer(value)
}
