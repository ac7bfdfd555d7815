/**
 * Hearing of the end of a session for which somebody has a connection open: an event stream or a WebSocket of who has logged out, or was logged
 * out, must not go on. A session that only runs out while a connection is open is not waited for.
 */
import type { Clock, Millis } from '../clock.ts'
import type { Delta, SessionStore } from '../store/store.ts'
import type { Sealing } from './sealing.ts'
import type { Session } from './session.ts'
import type { Token } from './token.ts'

/** What the store had to say may have been lost on the way, so it is asked again from time to time. */
const RECHECK_MS: Millis = 30_000
/** A store that is away is asked again so soon. */
const RETRY_MS: Millis = 1_000

const NO_COMMIT: Delta = { mode: 'update', set: new Map(), remove: new Set(), ifVersion: 0, maxBytes: 0 }

export interface EndingsOptions {
  readonly store: SessionStore
  readonly sealing: Sealing
  readonly storeClock: Clock
}

/** Calls `ended`, at most once, when the session is destroyed, under whatever token it is by then. The answer ends it. */
export function watchForEnd(options: EndingsOptions, session: Session, ended: () => void): () => void {
  const watch = new Watch(options, session, ended)
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
  readonly #runsOutAt: Millis

  constructor(options: EndingsOptions, { token, head }: Session, ended: () => void) {
    this.#options = options
    this.#ended = ended
    this.#token = token
    this.#runsOutAt = Math.max(head.expiresAt, head.keepUntil)
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
    // A commit that cannot apply, as no record has this version: it is told of a pointer for longer than an open, and of no entries.
    const state = await store.commit(this.#token.storeKey, NO_COMMIT)
    if (this.#over || state.state === 'conflict') return
    if (state.state === 'moved') {
      this.#unwatch()
      this.#token = sealing.follow(state.successor, this.#token)
      this.#unwatch = this.#watch()
      this.#askAgain = true
      return
    }
    const opened = await store.open(this.#token.storeKey, {})
    if (this.#over || opened.state === 'record') return
    this.stop()
    // One that is not there and left no tombstone has run out, as far as it was to last when the watch began; or the store has lost it.
    if (opened.state !== 'absent' || storeClock.now() < this.#runsOutAt) this.#ended()
  }
}
