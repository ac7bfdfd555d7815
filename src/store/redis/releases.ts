/** Hears of leases that are given back: subscriptions for the keys that somebody in this process waits for. */
import type { Cluster, Redis } from 'ioredis'
import type { Millis } from '../../clock.ts'
import type { StoreKey } from '../store.ts'
import { Waiters } from '../waiters.ts'

export interface ReleasesOptions {
  /** Makes the connection; called when the first one waits. */
  readonly connect: () => Redis | Cluster
  /** Whether the connection is for subscriptions only, and ends with them. */
  readonly owned: boolean
  readonly keyPrefix: string
  readonly isHeld: (key: StoreKey) => Promise<boolean>
}

/** The longest that anybody waits before asking again: a message may be lost when a connection breaks. */
const LONGEST_WAIT_MS = 5000
/** How long to wait when the store cannot tell. */
const BLIND_WAIT_MS = 250

export class Releases {
  readonly #options: ReleasesOptions
  readonly #subscribed = new Map<StoreKey, Promise<unknown>>()
  readonly #waiters = new Waiters({ first: (key) => { this.#subscribe(key) }, last: (key) => { this.#unsubscribe(key) } })
  #connection: Redis | Cluster | undefined
  #closed = false

  constructor(options: ReleasesOptions) {
    this.#options = options
  }

  async wait(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    if (this.#closed) return
    const waiting = this.#waiters.wait(key, Math.min(maxMs, LONGEST_WAIT_MS), signal)
    void this.#wakeIfFree(key)
    await waiting
  }

  close(): void {
    this.#closed = true
    this.#waiters.wakeAll()
    if (this.#options.owned) this.#connection?.disconnect()
  }

  /** A lease that was given back before the subscription stood was not heard of. */
  async #wakeIfFree(key: StoreKey): Promise<void> {
    try {
      await this.#subscribed.get(key)
      if (!this.#waiters.has(key) || await this.#options.isHeld(key)) return
      this.#waiters.wake(key)
    } catch {
      // The caller asks `open` after a short while, which reports the fault if there still is one.
      setTimeout(() => { this.#waiters.wake(key) }, BLIND_WAIT_MS).unref()
    }
  }

  #subscribe(key: StoreKey): void {
    this.#connection ??= this.#connect()
    this.#subscribed.set(key, this.#connection.subscribe(this.#options.keyPrefix + key))
  }

  #unsubscribe(key: StoreKey): void {
    this.#subscribed.delete(key)
    if (this.#closed) return
    this.#connection?.unsubscribe(this.#options.keyPrefix + key).catch(() => {
      // Without a connection there is no subscription either; at worst one message more comes for nobody.
    })
  }

  #connect(): Redis | Cluster {
    const connection = this.#options.connect()
    const { keyPrefix } = this.#options
    connection.on('message', (channel: string) => {
      if (channel.startsWith(keyPrefix)) this.#waiters.wake(channel.slice(keyPrefix.length) as StoreKey)
    })
    // What is said while the connection is away is lost, so everybody asks again.
    connection.on('close', () => { this.#waiters.wakeAll() })
    if (this.#options.owned) {
      connection.on('error', () => {
        // Reported by the command that fails; the connection comes back by itself.
      })
    }
    return connection
  }
}
