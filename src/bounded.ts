/**
 * A map that never holds more than `limit` entries, and forgets those first that were not set or got for the longest time, give or
 * take: it has two generations, and drops the older one when the younger is full. What is in steady use is found without
 * changing anything, which an exact order of use would not allow.
 */
export class Bounded<K, V> {
  #young = new Map<K, V>()
  #old = new Map<K, V>()
  readonly #half: number

  constructor(limit: number) {
    this.#half = Math.max(1, Math.floor(limit / 2))
  }

  get size(): number {
    let size = this.#young.size
    for (const key of this.#old.keys()) if (!this.#young.has(key)) size += 1
    return size
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key)
    if (value !== undefined || this.#old.size === 0) return value
    const kept = this.#old.get(key)
    if (kept !== undefined) this.set(key, kept)
    return kept
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#half && !this.#young.has(key)) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }

  delete(key: K): void {
    this.#young.delete(key)
    this.#old.delete(key)
  }
}

/** `text`, in Latin-1, as a key to keep: a piece cut out of a longer text keeps all of that in memory. */
export const detached = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')
