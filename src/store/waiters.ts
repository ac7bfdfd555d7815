/** Those in this process who wait for a lease to be given back, by key. */
import type { Millis } from '../clock.ts'
import type { StoreKey } from './store.ts'

export interface WaitersOptions {
  /** The first waiter of a key came. */
  readonly first?: (key: StoreKey) => void
  /** The last waiter of a key left, woken or not. */
  readonly last?: (key: StoreKey) => void
}

export class Waiters {
  readonly #waiting = new Map<StoreKey, Set<() => void>>()
  readonly #options: WaitersOptions

  constructor(options: WaitersOptions = {}) {
    this.#options = options
  }

  keys(): IterableIterator<StoreKey> {
    return this.#waiting.keys()
  }

  get size(): number {
    return this.#waiting.size
  }

  has(key: StoreKey): boolean {
    return this.#waiting.has(key)
  }

  /** Resolves when the key is woken, after `maxMs`, or when `signal` aborts. Never rejects. */
  wait(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    if (signal.aborted || maxMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#leave(key, done)
        resolve()
      }
      const timer = setTimeout(done, Math.min(maxMs, LONGEST_TIMER_MS))
      signal.addEventListener('abort', done)
      this.#join(key, done)
    })
  }

  wake(key: StoreKey): void {
    for (const done of this.#waiting.get(key) ?? []) done()
  }

  wakeAll(): void {
    for (const key of this.#waiting.keys()) this.wake(key)
  }

  #join(key: StoreKey, done: () => void): void {
    const group = this.#waiting.get(key)
    if (group !== undefined) {
      group.add(done)
      return
    }
    this.#waiting.set(key, new Set([done]))
    this.#options.first?.(key)
  }

  #leave(key: StoreKey, done: () => void): void {
    const group = this.#waiting.get(key)
    if (group === undefined || !group.delete(done) || group.size > 0) return
    this.#waiting.delete(key)
    this.#options.last?.(key)
  }
}

/** Node turns a longer delay into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
