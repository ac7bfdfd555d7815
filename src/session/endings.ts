/**
 * Hearing of the end of a session for which somebody has a connection open: an event stream or a WebSocket of who has logged out, or was logged
 * out, must not go on. A session that only runs out while a connection is open is not waited for.
 */
import type { Clock, Millis } from '../clock.ts'
import type { SessionStore } from '../store/store.ts'
import type { Sealing } from './sealing.ts'
import type { Token } from './token.ts'

/** What the store had to say may have been lost on the way, so it is asked again from time to time. */
const RECHECK_MS: Millis = 30_000
/** A store that is away is asked again so soon. */
const RETRY_MS: Millis = 1_000

export interface EndingsOptions {
  readonly store: SessionStore
  readonly sealing: Sealing
  readonly storeClock: Clock
}

/** Calls `ended`, at most once, when the session of `token` is destroyed, under whatever token it is by then. The answer ends it. */
export function watchForEnd(options: EndingsOptions, token: Token, ended: () => void): () => void {
  const watch = new Watch(options, token, ended)
  return () => watch.stop()
}

class Watch {
  readonly #options: EndingsOptions
  readonly #ended: () => void
  readonly #recheck: NodeJS.Timeout
  #token: Token
  #unwatch: () => void
  #retry: NodeJS.Timeout | undefined
  #asking = false
  #askAgain = false
  #over = false
  /** From when on it is no wonder that the session is not there. */
  #runsOutAt: Millis = 0

  constructor(options: EndingsOptions, token: Token, ended: () => void) {
    this.#options = options
    this.#ended = ended
    this.#token = token
    this.#unwatch = this.#watch()
    this.#recheck = setInterval(() => this.#check(), RECHECK_MS).unref()
    // It may have ended before anybody watched.
    this.#check()
  }

  stop(): void {
    this.#over = true
    clearInterval(this.#recheck)
    clearTimeout(this.#retry)
    this.#unwatch()
  }

  #watch(): () => void {
    return this.#options.store.watch(this.#token.storeKey, () => this.#check())
  }

  #check(): void {
    if (this.#asking) {
      this.#askAgain = true
      return
    }
    this.#asking = true
    this.#ask().then(
      () => {
        this.#asking = false
        if (this.#askAgain && !this.#over) {
          this.#askAgain = false
          this.#check()
        }
      },
      () => {
        // The store is away: that ends nobody's session.
        this.#asking = false
        if (!this.#over) this.#retry = setTimeout(() => this.#check(), RETRY_MS).unref()
      },
    )
  }

  async #ask(): Promise<void> {
    const { store, sealing, storeClock } = this.#options
    const opened = await store.open(this.#token.storeKey, {})
    if (this.#over) return
    if (opened.state === 'record') this.#runsOutAt = Math.max(opened.record.expiresAt, opened.record.keepUntil)
    else if (opened.state === 'moved') {
      this.#unwatch()
      this.#token = sealing.follow(opened.successor, this.#token)
      this.#unwatch = this.#watch()
      this.#askAgain = true
    } else if (opened.state === 'destroyed' || (opened.state === 'absent' && (this.#runsOutAt === 0 || storeClock.now() < this.#runsOutAt))) {
      this.stop()
      this.#ended()
    } else if (opened.state === 'absent') this.stop()
  }
}
