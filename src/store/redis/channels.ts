/**
 * What is said on the channels of keys: subscriptions for those that somebody in this process listens to. Redis delivers a message once
 * or, where a connection broke, never: whoever listens is also called when that may have happened.
 */
import type { Cluster, Redis } from 'ioredis'
import type { Millis } from '../../clock.ts'
import { Listeners } from '../listeners.ts'
import type { StoreKey } from '../store.ts'

export interface ChannelsOptions {
  /** Makes the connection; called when the first one listens. */
  readonly connect: () => Redis | Cluster
  /** Whether the connection is for subscriptions only, and ends with them. */
  readonly owned: boolean
  readonly keyPrefix: string
}

/** How soon a subscription that failed is tried again. */
const RETRY_MS: Millis = 1_000

/** What scripts say on a key's channel (state.lua). */
const OVER = 'over'

export class Channels {
  readonly #options: ChannelsOptions
  readonly #subscribed = new Map<StoreKey, Promise<unknown>>()
  /** Of anything that is said. */
  readonly #all: Listeners
  /** Only of the end of a record. */
  readonly #over: Listeners
  #connection: Redis | Cluster | undefined
  #closed = false

  constructor(options: ChannelsOptions) {
    this.#options = options
    const changes = { first: (key: StoreKey) => { if (!this.#subscribed.has(key)) this.#subscribe(key) }, last: (key: StoreKey) => { this.#unsubscribe(key) } }
    this.#all = new Listeners(changes)
    this.#over = new Listeners(changes)
  }

  /** Calls `listener` for leases given back and for the record's end. The answer ends it. */
  onAny(key: StoreKey, listener: () => void): () => void {
    return this.#all.add(key, listener)
  }

  /** Calls `listener` only for the record's end. The answer ends it. */
  onOver(key: StoreKey, listener: () => void): () => void {
    return this.#over.add(key, listener)
  }

  /** Resolves when what is said from now on will be heard; rejects when there is no connection. */
  async heard(key: StoreKey): Promise<void> {
    await this.#subscribed.get(key)
  }

  close(): void {
    this.#closed = true
    if (this.#options.owned) this.#connection?.disconnect()
  }

  #subscribe(key: StoreKey): void {
    if (this.#closed) return
    this.#connection ??= this.#connect()
    const subscribed = this.#connection.subscribe(this.#options.keyPrefix + key)
    this.#subscribed.set(key, subscribed)
    // Whoever waits for it is told by `heard`. Those who only listen are called when it stands at last: they may have missed something.
    subscribed.catch(() => { setTimeout(() => this.#again(key), RETRY_MS).unref() })
  }

  #again(key: StoreKey): void {
    if (!this.#all.has(key) && !this.#over.has(key)) return
    this.#subscribe(key)
    this.#subscribed.get(key)?.then(() => this.#call(key), () => undefined)
  }

  #callAll(): void {
    this.#all.callAll()
    this.#over.callAll()
  }

  #call(key: StoreKey): void {
    this.#all.call(key)
    this.#over.call(key)
  }

  #unsubscribe(key: StoreKey): void {
    if (this.#all.has(key) || this.#over.has(key)) return
    this.#subscribed.delete(key)
    if (this.#closed) return
    this.#connection?.unsubscribe(this.#options.keyPrefix + key).catch(() => {
      // Without a connection there is no subscription either; at worst one message more comes for nobody.
    })
  }

  #connect(): Redis | Cluster {
    const connection = this.#options.connect()
    const { keyPrefix } = this.#options
    connection.on('message', (channel: string, message: string) => {
      if (!channel.startsWith(keyPrefix)) return
      const key = channel.slice(keyPrefix.length) as StoreKey
      this.#all.call(key)
      if (message === OVER) this.#over.call(key)
    })
    // What is said while the connection is away is lost, so everybody asks again: at once, and when it is back.
    let broke = false
    connection.on('close', () => { broke = true; this.#callAll() })
    connection.on('ready', () => { if (broke) this.#callAll() })
    if (this.#options.owned) {
      connection.on('error', () => {
        // Reported by the command that fails; the connection comes back by itself.
      })
    }
    return connection
  }
}
