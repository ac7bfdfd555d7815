/**
 * The store's clock, as its last answer told it. Entries expire by it, so a sidecar whose own clock is a minute off must not
 * reckon with its own.
 */
import type { Clock, Millis } from '../clock.ts'

export class StoreClock implements Clock {
  readonly #clock: Clock
  #ahead: Millis = 0
  #known = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): Millis {
    return this.#clock.now() + this.#ahead
  }

  /** `now`: the store's time, in an answer that has just come. */
  learn(now: Millis): void {
    this.#ahead = now - this.#clock.now()
    this.#known = true
  }

  /** Whether any answer has told it. */
  get known(): boolean {
    return this.#known
  }
}
