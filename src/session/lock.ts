/**
 * The exclusive lease of a session, held for the length of a request. Requests of one session queue up in the order in
 * which they came to this sidecar; the first in line asks the store, and is woken by it when another sidecar is done. Whoever has
 * just given the lease back would have it again before those in other sidecars hear of it, and so on for ever: so a sidecar that has had
 * it for a while leaves it alone for a moment.
 */
import { randomUUID } from 'node:crypto'
import { Bounded } from '../bounded.ts'
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { Hold } from './session.ts'
import type { Lease, LockRequest, Opened, OpenOptions, SessionStore, StoreKey } from '../store/store.ts'

/** How long a holder that was killed blocks others at the most. Renewed at a third of it. */
export const LEASE_MS: Millis = 10_000

/** For so long one request after another has it in this sidecar; then it is left alone for a moment. */
const RUN_MS: Millis = 200
/** Longer than it takes another sidecar to hear that a lease is free. One that misses it has the next. */
const PAUSE_MS: Millis = 10
/** Sessions of which is remembered that they had the lease a moment ago. */
const MOST_RECENT = 1_000

/** What came of opening under the lease; `hold` is there exactly when a lease was granted. */
export interface Turn {
  readonly opened: Exclude<Opened, { state: 'busy' }>
  readonly hold: Hold | undefined
}

interface Line {
  readonly waiting: (() => void)[]
  /** From when on one request after another had the lease here, by `performance.now()`. */
  since: Millis
}

export class Locks {
  readonly #store: SessionStore
  readonly #clock: Clock
  readonly #lines = new Map<StoreKey, Line>()
  /** Lines that have come to an end: a request that comes at once goes on where they ended. */
  readonly #recent = new Bounded<StoreKey, { readonly since: Millis; readonly endedAt: Millis }>(MOST_RECENT)

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
    const line = this.#lines.get(key) ?? this.#begin(key)
    if (line === undefined) return
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

  /** A line of its own for whoever comes first; undefined: it is their turn at once. */
  #begin(key: StoreKey): Line | undefined {
    const now = performance.now()
    const before = this.#recent.get(key)
    const line = { waiting: [], since: before !== undefined && now - before.endedAt < PAUSE_MS ? before.since : now }
    this.#lines.set(key, line)
    if (now - line.since < RUN_MS) return undefined
    this.#pause(key, line)
    return line
  }

  #next(key: StoreKey): void {
    const line = this.#lines.get(key)
    if (line === undefined) return
    const now = performance.now()
    if (line.waiting.length === 0) {
      this.#lines.delete(key)
      this.#recent.set(key, { since: line.since, endedAt: now })
    } else if (now - line.since >= RUN_MS) this.#pause(key, line)
    else line.waiting.shift()?.()
  }

  /** Nobody of this line has a turn meanwhile; whoever is first in it afterwards is next. */
  #pause(key: StoreKey, line: Line): void {
    setTimeout(() => {
      line.since = performance.now()
      this.#next(key)
    }, PAUSE_MS)
  }
}

const busy = (): UnstickError =>
  new UnstickError('session_busy', 'Another request of this session is still running, and it took longer than lockWait. Try again.')
