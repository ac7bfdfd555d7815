/** Those in this process who want to hear of a key: called when something happens to it, until they leave. */
import type { StoreKey } from './store.ts'

export interface ListenersOptions {
  /** The first listener of a key came. */
  readonly first?: (key: StoreKey) => void
  /** The last listener of a key left. */
  readonly last?: (key: StoreKey) => void
}

export class Listeners {
  readonly #byKey = new Map<StoreKey, Set<() => void>>()
  readonly #options: ListenersOptions

  constructor(options: ListenersOptions = {}) {
    this.#options = options
  }

  keys(): IterableIterator<StoreKey> {
    return this.#byKey.keys()
  }

  /** Keys that somebody listens to. */
  get size(): number {
    return this.#byKey.size
  }

  has(key: StoreKey): boolean {
    return this.#byKey.has(key)
  }

  /** Calling the answer ends it; more than once does no harm. */
  add(key: StoreKey, listener: () => void): () => void {
    // A function of its own, so that one listener may be added twice.
    const entry = (): void => listener()
    const group = this.#byKey.get(key)
    if (group === undefined) {
      this.#byKey.set(key, new Set([entry]))
      this.#options.first?.(key)
    } else group.add(entry)
    return () => this.#leave(key, entry)
  }

  call(key: StoreKey): void {
    for (const listener of this.#byKey.get(key) ?? []) listener()
  }

  callAll(): void {
    for (const key of this.#byKey.keys()) this.call(key)
  }

  #leave(key: StoreKey, entry: () => void): void {
    const group = this.#byKey.get(key)
    if (group === undefined || !group.delete(entry) || group.size > 0) return
    this.#byKey.delete(key)
    this.#options.last?.(key)
  }
}
