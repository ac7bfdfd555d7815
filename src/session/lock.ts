/**
 * The exclusive lease of a session, held for the length of a request. Requests of one session queue up in the order in
 * which they came to this sidecar; the first in line asks the store, and is woken by it when another sidecar is done.
 */
import { randomUUID } from 'node:crypto'
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { Hold } from './session.ts'
import type { Lease, LockRequest, Opened, OpenOptions, SessionStore, StoreKey } from '../store/store.ts'

/** How long a holder that was killed blocks others at the most. Renewed at a third of it. */
export const LEASE_MS: Millis = 10_000

/** What came of opening under the lease; `hold` is there exactly when a lease was granted. */
export interface Turn {
  readonly opened: Exclude<Opened, { state: 'busy' }>
  readonly hold: Hold | undefined
}

interface Line {
  readonly waiting: (() => void)[]
}

export class Locks {
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #lines = new Map<StoreKey, Line>()

  constructor(store: SessionStore, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Opens under the lease. Throws `session_busy` when that takes longer than `waitMs`, and whatever the store throws. */
  async open(key: StoreKey, options: OpenOptions, waitMs: Millis, signal: AbortSignal): Promise<Turn> {
    // Not by a clock that somebody may set back while we wait.
    const deadline = performance.now() + waitMs
    await this.#standInLine(key, waitMs, signal)
    try {
      const lock = { holder: randomUUID(), leaseMs: LEASE_MS }
      const { opened, askedAt } = await this.#ask(key, { ...options, lock }, deadline, signal)
      if (!('lease' in opened) || opened.lease === undefined) {
        this.#next(key)
        return { opened, hold: undefined }
      }
      const renewal = this.keep(key, opened.lease, askedAt)
      return { opened, hold: { ...renewal, end: () => { renewal.end(); this.#next(key) } } }
    } catch (error) {
      this.#next(key)
      throw error
    }
  }

  /**
   * Renews a lease until stopped; `askedAt`: just before the store was asked for it. One that is lost is not an error here: the store
   * refuses what its holder writes.
   */
  keep(key: StoreKey, lease: Lease, askedAt: Millis): Hold {
    let aliveFrom = askedAt
    const timer = setInterval(() => {
      const now = this.#clock.now()
      this.#store.renew(key, lease, LEASE_MS).then(
        (ours) => {
          if (ours) aliveFrom = now
          else clearInterval(timer)
        },
        // The store is away. The next round tries again; if the lease runs out meanwhile, the fence protects the session.
        () => undefined,
      )
    }, LEASE_MS / 3)
    timer.unref()
    // By the time before the question: the store's time of the answer is later, and a process may stand still between the two.
    return { end: () => clearInterval(timer), lapsed: () => this.#clock.now() - aliveFrom >= LEASE_MS }
  }

  /** How many requests wait for a session in this sidecar. */
  get waiting(): number {
    let count = 0
    for (const line of this.#lines.values()) count += line.waiting.length
    return count
  }

  async #ask(key: StoreKey, options: OpenOptions & { lock: LockRequest }, deadline: Millis, signal: AbortSignal): Promise<{ opened: Turn['opened']; askedAt: Millis }> {
    for (;;) {
      const askedAt = this.#clock.now()
      const opened = await this.#store.open(key, options)
      if (opened.state !== 'busy') return { opened, askedAt }
      const left = deadline - performance.now()
      if (left <= 0 || signal.aborted) throw busy()
      await this.#store.released(key, Math.min(left, opened.leaseMs + 1), signal)
    }
  }

  async #standInLine(key: StoreKey, waitMs: Millis, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw busy()
    const line = this.#lines.get(key)
    if (line === undefined) {
      this.#lines.set(key, { waiting: [] })
      return
    }
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', giveUp)
      }
      const go = (): void => { leave(); resolve() }
      const giveUp = (): void => {
        leave()
        line.waiting.splice(line.waiting.indexOf(go), 1)
        reject(busy())
      }
      const timer = setTimeout(giveUp, waitMs)
      signal.addEventListener('abort', giveUp, { once: true })
      line.waiting.push(go)
    })
  }

  #next(key: StoreKey): void {
    const go = this.#lines.get(key)?.waiting.shift()
    if (go === undefined) this.#lines.delete(key)
    else go()
  }
}

const busy = (): UnstickError =>
  new UnstickError('session_busy', 'Another request of this session is still running, and it took longer than lockWait. Try again.')
