/** A copy of a request's body, as far as a limit. In one piece of memory: clients may send a byte at a time. */
import type { BodyCopy } from '../carrier.ts'

const FIRST_BYTES = 1_024

export class BodyBytes implements BodyCopy {
  readonly #most: number
  #bytes = Buffer.alloc(0)
  #length = 0
  #state: 'none' | 'open' | 'whole' | 'too_large' = 'none'

  constructor(maxBytes: number) {
    this.#most = maxBytes
  }

  add(chunk: Buffer): void {
    if (this.#state === 'too_large') return
    this.#state = 'open'
    const length = this.#length + chunk.length
    if (length > this.#most) {
      this.#state = 'too_large'
      this.#bytes = Buffer.alloc(0)
      return
    }
    if (length > this.#bytes.length) {
      const grown = Buffer.alloc(Math.min(this.#most, Math.max(FIRST_BYTES, length, this.#bytes.length * 2)))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    chunk.copy(this.#bytes, this.#length)
    this.#length = length
  }

  end(): void {
    if (this.#state !== 'too_large') this.#state = 'whole'
  }

  /** The body; or why there is none: the request has none, it is not whole, or it was larger than the limit. */
  get body(): Buffer | 'none' | 'unfinished' | 'too_large' {
    switch (this.#state) {
      case 'whole': return this.#bytes.subarray(0, this.#length)
      case 'open': return 'unfinished'
      case 'none': return 'none'
      case 'too_large': return 'too_large'
    }
  }
}
