/** What a request costs on top of the app: the time that it spends in the sidecar while the app is not at work on it. */
import type { Millis } from '../clock.ts'

const monotonic = (): Millis => performance.now()

/** Runs from the start. */
export class AddedTime {
  readonly #now: () => Millis
  #since: Millis | undefined
  #ms: Millis = 0

  /** `now`: milliseconds since any moment, in fractions. */
  constructor(now: () => Millis = monotonic) {
    this.#now = now
    this.#since = now()
  }

  /** From here on it is the app's time, or the client's. */
  stop(): void {
    if (this.#since === undefined) return
    this.#ms += this.#now() - this.#since
    this.#since = undefined
  }

  /** It is the sidecar's turn again. */
  resume(): void {
    this.#since ??= this.#now()
  }

  get seconds(): number {
    return (this.#ms + (this.#since === undefined ? 0 : this.#now() - this.#since)) / 1_000
  }
}
