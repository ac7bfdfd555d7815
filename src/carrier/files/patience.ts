/** Waiting for something that nobody announces: pauses that grow, and an end. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Millis } from '../../clock.ts'

const LONGEST_PAUSE_MS = 32

export class Patience {
  readonly #until: Millis
  #pauseMs = 1

  constructor(maxMs: Millis) {
    // Monotonic: a wall clock that is set must not end or stretch a wait.
    this.#until = performance.now() + maxMs
  }

  /** Waits a little, longer each time. false, at once: the time is used up. */
  async wait(): Promise<boolean> {
    const leftMs = this.#until - performance.now()
    if (leftMs <= 0) return false
    await pause(Math.min(this.#pauseMs, leftMs))
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    return true
  }
}
