/** Sessions in the memory of this process: for one sidecar, for trying things out, and as the plainest store there is. */
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { checkDelta, checkOpen } from './arguments.ts'
import { decideCommit, decideOpen, goneAt, headOf, isHeld, labelled, leaseIsLive, standing, tombstone } from './rules.ts'
import type { Row } from './rules.ts'
import { Listeners } from './listeners.ts'
import type { Committed, Delta, EntryName, Lease, OpenOptions, Opened, SessionStore, StoreKey, SubjectKey } from './store.ts'
import { SubjectLists } from './subject-lists.ts'
import { Waiters } from './waiters.ts'

export interface MemoryStoreOptions {
  readonly clock: Clock
  /** Records, pointers and tombstones in all. A create beyond it throws `store_unavailable`; nobody is thrown out to make room. */
  readonly maxSessions?: number
}

interface Slot {
  row: Row
  readonly entries: Map<EntryName, Uint8Array>
}

const DEFAULT_MAX_SESSIONS = 100_000
/** Slots looked at per write: more than one, so that the sweep keeps ahead of what is created. */
const SWEEP_STEPS = 4
/** A full store is searched for ended sessions from end to end, at most this often. */
const FULL_SWEEP_INTERVAL_MS = 1000

export function memoryStore(options: MemoryStoreOptions): SessionStore {
  return new MemoryStore(options)
}

class MemoryStore implements SessionStore {
  readonly kind = 'memory'
  readonly #clock: Clock
  readonly #maxSessions: number
  readonly #slots = new Map<StoreKey, Slot>()
  readonly #waiters = new Waiters()
  readonly #watchers = new Listeners()
  readonly #subjects = new SubjectLists()
  #sweeper: Iterator<[StoreKey, Slot]> | undefined
  #fullSweepAt = -Infinity
  #closed = false

  constructor(options: MemoryStoreOptions) {
    this.#clock = options.clock
    this.#maxSessions = options.maxSessions ?? DEFAULT_MAX_SESSIONS
  }

  async open(key: StoreKey, options: OpenOptions): Promise<Opened> {
    this.#checkOpen()
    checkOpen(options)
    const now = this.#clock.now()
    const slot = this.#slots.get(key)
    const decision = decideOpen(slot?.row, options, now)
    if (decision.state === 'other' || slot === undefined) {
      return decision.state === 'other' ? decision.answer : { state: 'absent' }
    }
    slot.row = decision.row
    const head = headOf(decision.row, now)
    const lease = decision.lease === undefined ? {} : { lease: decision.lease }
    if (options.known === head.version) return { state: 'unchanged', head, ...lease }
    const entries = new Map<EntryName, Uint8Array>()
    for (const [name, value] of slot.entries) entries.set(name, value.slice())
    return { state: 'record', record: { ...head, entries, ...labelled(decision.row) }, ...lease }
  }

  async commit(key: StoreKey, delta: Delta): Promise<Committed> {
    this.#checkOpen()
    checkDelta(delta)
    const now = this.#clock.now()
    this.#sweep(SWEEP_STEPS, now)
    const slot = this.#slots.get(key)
    const decision = decideCommit(slot?.row, delta, { sizeOf: (name) => slot?.entries.get(name)?.byteLength, count: () => slot?.entries.size ?? 0 }, now)
    if (!decision.apply) return decision.answer
    if (slot === undefined) this.#makeRoom(now)
    const entries = slot === undefined || decision.clear ? new Map<EntryName, Uint8Array>() : slot.entries
    for (const name of delta.remove) entries.delete(name)
    for (const [name, value] of delta.set) entries.set(name, value.slice())
    this.#put(key, decision.row, entries)
    if (decision.wake) this.#waiters.call(key)
    if (decision.over) this.#watchers.call(key)
    return decision.answer
  }

  async destroy(key: StoreKey, tombstoneMs: Millis): Promise<void> {
    this.#checkOpen()
    const now = this.#clock.now()
    this.#sweep(SWEEP_STEPS, now)
    const before = this.#slots.get(key)?.row
    this.#put(key, tombstone(before, tombstoneMs, now), new Map())
    if (before?.kind === 'record' && before.holder !== '') this.#waiters.call(key)
    this.#watchers.call(key)
  }

  async renew(key: StoreKey, lease: Lease, leaseMs: Millis): Promise<boolean> {
    this.#checkOpen()
    const now = this.#clock.now()
    const slot = this.#slots.get(key)
    const row = standing(slot?.row, now)
    if (slot === undefined || !isHeld(row, lease)) return false
    slot.row = { ...row, leaseUntil: now + leaseMs }
    return true
  }

  async release(key: StoreKey, lease: Lease): Promise<void> {
    this.#checkOpen()
    const slot = this.#slots.get(key)
    const row = standing(slot?.row, this.#clock.now())
    if (slot === undefined || !isHeld(row, lease)) return
    slot.row = { ...row, holder: '', leaseUntil: 0 }
    this.#waiters.call(key)
  }

  async released(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    // Given back before the caller got here: nothing to wait for.
    if (this.#closed || !leaseIsLive(standing(this.#slots.get(key)?.row, this.#clock.now()), this.#clock.now())) return
    await this.#waiters.wait(key, maxMs, signal)
  }

  watch(key: StoreKey, changed: () => void): () => void {
    return this.#watchers.add(key, changed)
  }

  async file(subject: SubjectKey, key: StoreKey, forMs: Millis): Promise<void> {
    this.#checkOpen()
    const now = this.#clock.now()
    this.#subjects.file(subject, key, now + forMs, now)
  }

  async filed(subject: SubjectKey, most: number): Promise<StoreKey[]> {
    this.#checkOpen()
    return this.#subjects.filed(subject, most, this.#clock.now())
  }

  async unfile(subject: SubjectKey, keys: readonly StoreKey[]): Promise<void> {
    this.#checkOpen()
    this.#subjects.unfile(subject, keys)
  }

  async ping(): Promise<Millis> {
    this.#checkOpen()
    return this.#clock.now()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#slots.clear()
    this.#sweeper = undefined
    this.#waiters.callAll()
  }

  #checkOpen(): void {
    if (this.#closed) throw new UnstickError('store_unavailable', 'The memory store is closed.')
  }

  #put(key: StoreKey, row: Row, entries: Map<EntryName, Uint8Array>): void {
    const slot = this.#slots.get(key)
    if (slot !== undefined && slot.entries === entries) slot.row = row
    else this.#slots.set(key, { row, entries })
  }

  #makeRoom(now: Millis): void {
    if (this.#slots.size < this.#maxSessions) return
    if (now - this.#fullSweepAt >= FULL_SWEEP_INTERVAL_MS) {
      this.#fullSweepAt = now
      this.#sweep(this.#slots.size + 1, now) // one step more: turning round takes one
    }
    if (this.#slots.size >= this.#maxSessions) {
      throw new UnstickError(
        'store_unavailable',
        `The memory store is full: it holds ${this.#slots.size} sessions. Use a store on disk or a shared one, or a shorter idle timeout.`,
      )
    }
  }

  /** Goes round the map a few slots at a time, so that no single call pays for many. */
  #sweep(steps: number, now: Millis): void {
    this.#sweeper ??= this.#slots.entries()
    for (let step = 0; step < steps; step += 1) {
      const next = this.#sweeper.next()
      if (next.done === true) {
        this.#sweeper = this.#slots.entries()
        continue
      }
      const [key, slot] = next.value
      if (now >= goneAt(slot.row)) this.#slots.delete(key)
    }
  }
}
