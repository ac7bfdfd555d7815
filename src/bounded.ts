/** A map that never holds more than `limit` entries: the one set, or `use`d, longest ago goes first. */
export class Bounded<K, V> {
  readonly #map = new Map<K, V>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#map.size
  }

  /** Does not count as use: for values that cost next to nothing to make again. */
  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  /** Like `get`, and the entry becomes the last to go. */
  use(key: K): V | undefined {
    const value = this.#map.get(key)
    if (value !== undefined) {
      this.#map.delete(key)
      this.#map.set(key, value)
    }
    return value
  }

  set(key: K, value: V): void {
    this.#map.delete(key)
    if (this.#map.size >= this.#limit) {
      const oldest = this.#map.keys().next()
      if (oldest.done !== true) this.#map.delete(oldest.value)
    }
    this.#map.set(key, value)
  }

  delete(key: K): void {
    this.#map.delete(key)
  }
}

/** `text`, in Latin-1, as a key to keep: a piece cut out of a longer text keeps all of that in memory. */
export const detached = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')
