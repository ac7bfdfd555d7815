/**
 * Sessions in one SQLite file, shared by the processes of one host. Every change is one short IMMEDIATE transaction;
 * reading takes no lock that a writer has to wait for (WAL).
 */
import type { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { checkDelta, checkOpen, copyDelta } from './arguments.ts'
import { decideCommit, decideOpen, headOf, isHeld, labelled, leaseIsLive, NEVER, standing, tombstone } from './rules.ts'
import type { OpenDecision, Row } from './rules.ts'
import { isBusy, openDatabase, reason } from './sqlite-schema.ts'
import { SqliteReleases } from './sqlite-releases.ts'
import { SqliteRows } from './sqlite-rows.ts'
import { SqliteSubjects } from './sqlite-subjects.ts'
import { SqliteWatch } from './sqlite-watch.ts'
import type { Committed, Delta, Lease, OpenOptions, Opened, SessionStore, StoreKey, SubjectKey } from './store.ts'

export interface SqliteStoreOptions {
  readonly path: string
  /** The processes that share the file share its host's clock. */
  readonly clock: Clock
  /** How long an operation may wait for other processes before it throws `store_unavailable`. */
  readonly busyTimeoutMs?: Millis
}

const DEFAULT_BUSY_TIMEOUT_MS = 2000
/** How long one attempt may block the thread; between attempts other requests go on. */
const BLOCKING_BUSY_MS = 5
/** Once in so many writes up to so many ended sessions go: more than can have been created meanwhile. */
const SWEEP_EVERY = 16
const SWEEP_LIMIT = 64

interface Found {
  readonly now: Millis
  /** Where the entries lie, if `decision` is about a record. */
  readonly id: number
  readonly decision: OpenDecision
  /** The row as it must be written before the answer; undefined: nothing to write. */
  readonly changed: Row | undefined
}

/** Throws `store_unavailable` or `start_failed` when the file cannot be used. */
export function sqliteStore(options: SqliteStoreOptions): SessionStore {
  return new SqliteStore(options)
}

class SqliteStore implements SessionStore {
  readonly kind = 'sqlite'
  readonly #path: string
  readonly #clock: Clock
  readonly #busyTimeoutMs: Millis
  readonly #db: DatabaseSync
  readonly #rows: SqliteRows
  readonly #subjects: SqliteSubjects
  readonly #watch: SqliteWatch
  readonly #releases: SqliteReleases
  #writes = 0

  constructor(options: SqliteStoreOptions) {
    this.#path = options.path
    this.#clock = options.clock
    this.#busyTimeoutMs = options.busyTimeoutMs ?? DEFAULT_BUSY_TIMEOUT_MS
    this.#db = openDatabase(options.path, BLOCKING_BUSY_MS)
    this.#rows = new SqliteRows(this.#db)
    this.#subjects = new SqliteSubjects(this.#db)
    this.#releases = new SqliteReleases(this.#db, (key) => this.#isHeld(key))
    this.#watch = new SqliteWatch(this.#db, this.#rows)
  }

  async open(key: StoreKey, options: OpenOptions): Promise<Opened> {
    checkOpen(options)
    // Most opens change nothing, also those that find the lease taken: only the others ask for the write lock.
    const read = await this.#run('BEGIN', () => {
      const found = this.#find(key, options)
      return found.changed === undefined ? this.#answer(found, options) : undefined
    })
    return read ?? this.#write(() => {
      const found = this.#find(key, options)
      if (found.changed !== undefined) this.#rows.putRow(key, found.changed)
      return this.#answer(found, options)
    })
  }

  async commit(key: StoreKey, delta: Delta): Promise<Committed> {
    checkDelta(delta)
    let own = delta
    const answer = await this.#write(() => this.#commit(key, own), () => { own = copyDelta(own) })
    if (answer.wake) this.#releases.tell(key)
    if (answer.over) this.#watch.tell(key)
    return answer.committed
  }

  async destroy(key: StoreKey, tombstoneMs: Millis): Promise<void> {
    await this.#write(() => {
      const stored = this.#rows.row(key)
      const id = this.#rows.putRow(key, tombstone(stored?.row, tombstoneMs, this.#clock.now()))
      this.#rows.removeEntries(id)
    })
    this.#releases.tell(key)
    this.#watch.tell(key)
  }

  async renew(key: StoreKey, lease: Lease, leaseMs: Millis): Promise<boolean> {
    return this.#write(() => {
      const now = this.#clock.now()
      const row = standing(this.#rows.row(key)?.row, now)
      if (!isHeld(row, lease)) return false
      this.#rows.putRow(key, { ...row, leaseUntil: now + leaseMs })
      return true
    })
  }

  async release(key: StoreKey, lease: Lease): Promise<void> {
    const gaveBack = await this.#write(() => {
      const row = standing(this.#rows.row(key)?.row, this.#clock.now())
      if (!isHeld(row, lease)) return false
      this.#rows.putRow(key, { ...row, holder: '', leaseUntil: 0 })
      return true
    })
    if (gaveBack) this.#releases.tell(key)
  }

  async released(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    await this.#releases.wait(key, maxMs, signal)
  }

  watch(key: StoreKey, changed: () => void): () => void {
    return this.#watch.add(key, changed)
  }

  async file(subject: SubjectKey, key: StoreKey, forMs: Millis): Promise<void> {
    await this.#write(() => {
      const now = this.#clock.now()
      this.#subjects.file(subject, key, Math.min(now + forMs, NEVER), now)
    })
  }

  async filed(subject: SubjectKey, most: number): Promise<StoreKey[]> {
    return await this.#run('BEGIN', () => this.#subjects.filed(subject, most, this.#clock.now()))
  }

  async unfile(subject: SubjectKey, keys: readonly StoreKey[]): Promise<void> {
    await this.#write(() => this.#subjects.unfile(subject, keys))
  }

  async ping(): Promise<Millis> {
    await this.#run('BEGIN', () => this.#db.prepare('SELECT count(*) FROM sqlite_schema').get())
    return this.#clock.now()
  }

  async close(): Promise<void> {
    this.#releases.close()
    this.#watch.close()
    if (this.#db.isOpen) this.#db.close()
  }

  #find(key: StoreKey, options: OpenOptions): Found {
    const now = this.#clock.now()
    const stored = this.#rows.row(key)
    const decision = decideOpen(stored?.row, options, now)
    const changed = decision.state === 'record' && decision.changed ? decision.row : undefined
    return { now, id: stored?.id ?? 0, decision, changed }
  }

  #answer({ now, id, decision }: Found, options: OpenOptions): Opened {
    if (decision.state === 'other') return decision.answer
    const head = headOf(decision.row, now)
    const lease = decision.lease === undefined ? {} : { lease: decision.lease }
    if (options.known === head.version) return { state: 'unchanged', head, ...lease }
    return { state: 'record', record: { ...head, entries: this.#rows.entries(id), ...labelled(decision.row) }, ...lease }
  }

  #commit(key: StoreKey, delta: Delta): { committed: Committed; wake: boolean; over: boolean } {
    const stored = this.#rows.row(key)
    const contents = {
      sizeOf: (name: string) => (stored === undefined ? undefined : this.#rows.sizeOf(stored.id, name)),
      count: () => (stored === undefined ? 0 : this.#rows.count(stored.id)),
    }
    const decision = decideCommit(stored?.row, delta, contents, this.#clock.now())
    if (!decision.apply) return { committed: decision.answer, wake: false, over: false }
    const id = this.#rows.putRow(key, decision.row)
    if (decision.clear && stored !== undefined) this.#rows.removeEntries(id)
    for (const name of delta.remove) this.#rows.removeEntry(id, name)
    for (const [name, value] of delta.set) this.#rows.putEntry(id, name, value)
    return { committed: decision.answer, wake: decision.wake, over: decision.over }
  }

  #write<T>(work: () => T, beforeRetry?: () => void): Promise<T> {
    return this.#run('BEGIN IMMEDIATE', () => {
      const result = work()
      this.#writes += 1
      if (this.#writes % SWEEP_EVERY === 0) this.#rows.sweep(this.#clock.now(), SWEEP_LIMIT)
      return result
    }, beforeRetry)
  }

  /** Runs `work` in one transaction, again while other processes are in the way. `beforeRetry` is called before the first wait. */
  async #run<T>(begin: 'BEGIN' | 'BEGIN IMMEDIATE', work: () => T, beforeRetry?: () => void): Promise<T> {
    const deadline = performance.now() + this.#busyTimeoutMs
    for (let attempt = 0; ; attempt += 1) {
      if (!this.#db.isOpen) throw new UnstickError('store_unavailable', `The session database ${this.#path} is closed.`)
      try {
        return this.#transaction(begin, work)
      } catch (error) {
        if (!isBusy(error)) throw this.#fault(error)
        if (performance.now() >= deadline) {
          throw new UnstickError(
            'store_unavailable',
            `The session database ${this.#path} was locked by another process for ${this.#busyTimeoutMs} ms. See what else has it open.`,
            { cause: error },
          )
        }
      }
      if (attempt === 0) beforeRetry?.()
      // Random, so that processes that were in each other's way do not meet again.
      await delay(1 + Math.random() * Math.min(2 ** attempt, 20))
    }
  }

  #transaction<T>(begin: string, work: () => T): T {
    this.#db.exec(begin)
    try {
      const result = work()
      this.#db.exec('COMMIT')
      return result
    } catch (error) {
      // SQLite has rolled back by itself after some faults, such as a full disk.
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }

  #fault(error: unknown): UnstickError {
    return new UnstickError(
      'store_unavailable',
      `The session database ${this.#path} cannot serve: ${reason(error)}. Check its disk and its folder.`,
      { cause: error },
    )
  }

  #isHeld(key: StoreKey): boolean {
    const now = this.#clock.now()
    return leaseIsLive(standing(this.#rows.row(key)?.row, now), now)
  }
}
