/** Sessions over a store: open, commit, destroy. Below here there are only sealed bytes; above, only open entries. */
import type { Changes, Entry } from '../carrier/carrier.ts'
import type { Clock, Millis } from '../clock.ts'
import type { Keyring } from '../crypto/keyring.ts'
import { seal, sealedWith, unseal } from '../crypto/seal.ts'
import { UnstickError } from '../errors.ts'
import {
  type Committed, type Delta, type EntryName, type LockRequest, type Opened, type SessionStore, type StoredRecord, TOMBSTONE_MS,
} from '../store/store.ts'
import { decodeEntry, encodeEntry } from './entry.ts'
import { LEASE_MS, Locks } from './lock.ts'
import { type Hold, lastExpiry, NoSession, Session } from './session.ts'
import type { Telemetry } from '../telemetry.ts'
import type { SeenToken, Token, Tokens } from './token.ts'

export interface SessionsOptions {
  readonly store: SessionStore
  readonly tokens: Tokens
  readonly keyring: Keyring
  readonly clock: Clock
  readonly telemetry: Telemetry
  readonly idleTimeoutMs: Millis
  readonly lifetimeMs: Millis
  readonly touchIntervalMs: Millis
  /** `limits.entry`, in bytes of an entry's open value. */
  readonly entryBytes: number
  /** `limits.session`, in bytes of all sealed entries of a session. */
  readonly sessionBytes: number
}

/** How a request wants its session: from its route. */
export interface OpenRequest {
  readonly touch: boolean
  /** Take the lease, waiting so long at the most, and not when nobody waits for the answer any more. */
  readonly wait?: { readonly ms: Millis; readonly signal: AbortSignal }
}

export interface CommitRequest {
  readonly touch: boolean
  /** Give the lease back in the same step. */
  readonly release: boolean
  /** A session that this commit creates starts with its lease held. */
  readonly lock?: boolean
}

export type CommitOutcome =
  | { readonly state: 'committed'; readonly session: Session }
  /** The session is over: its last entry went, or somebody destroyed it meanwhile. */
  | { readonly state: 'ended' }

const UNTOUCHED: ReadonlySet<EntryName> = new Set()

export class Sessions {
  readonly none: NoSession
  readonly #options: SessionsOptions
  readonly #locks: Locks

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#locks = new Locks(options.store, options.clock)
    this.none = new NoSession(options.clock)
  }

  get locks(): Locks {
    return this.#locks
  }

  /** undefined: no such session (any more). One store round trip. Throws `store_unavailable` and `session_busy`. */
  async open({ token }: SeenToken, request: OpenRequest): Promise<Session | undefined> {
    const { store, idleTimeoutMs, touchIntervalMs } = this.#options
    const options = request.touch ? { touch: { idleMs: idleTimeoutMs, intervalMs: touchIntervalMs } } : {}
    if (request.wait === undefined) {
      const opened = await store.open(token.storeKey, options)
      return opened.state === 'record' ? this.#unsealed(token, opened.record) : undefined
    }
    const { opened, hold } = await this.#locks.open(token.storeKey, options, request.wait.ms, request.wait.signal)
    if (opened.state !== 'record') return undefined
    return this.#held(token, opened, hold)
  }

  /**
   * Writes what changed, in one round trip; makes the session when there was none. Throws `too_large`, with nothing written,
   * `session_busy` when the lease was lost to somebody else, and `store_unavailable`.
   */
  async commit(current: Session | undefined, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const { telemetry } = this.#options
    try {
      const outcome = await this.#write(current, changes, request)
      telemetry.committed(outcome.state)
      return outcome
    } catch (error) {
      telemetry.committed(error instanceof UnstickError && error.code === 'too_large' ? 'too_large' : error instanceof UnstickError && error.code === 'session_busy' ? 'fenced' : 'failed')
      throw error
    }
  }

  async #write(current: Session | undefined, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    this.#refuseLargeEntries(changes)
    if (current === undefined) return this.#create(changes, request)
    if (current.lapsed) return this.#succeed(current, changes, request)
    const after = this.#after(current, changes)
    if (after.size === 0) {
      await this.destroy(current)
      return { state: 'ended' }
    }
    const expired = [...current.entries.keys()].filter((name) => !after.has(name))
    const committed = await this.#options.store.commit(current.token.storeKey, {
      mode: 'update',
      set: this.#sealed(current.token, changes.set),
      remove: expired.length === 0 ? changes.remove : new Set([...changes.remove, ...expired]),
      ...(request.touch ? { idleMs: this.#options.idleTimeoutMs } : {}),
      keepMs: keepMs(after, current.now()),
      maxBytes: this.#options.sessionBytes,
      ...(current.lease === undefined ? {} : { lease: current.lease, release: request.release }),
    })
    return this.#outcome(committed, current, after, request)
  }

  /** Ends the session everywhere; what is in flight cannot bring it back. */
  async destroy(session: Session): Promise<void> {
    await this.#options.store.destroy(session.token.storeKey, TOMBSTONE_MS)
    this.#options.telemetry.sessionDestroyed()
    session.letGo()
  }

  /** Gives the lease back, if this request has it. When that fails the lease runs out by itself, and the error is thrown. */
  async release(session: Session): Promise<void> {
    const { lease } = session
    if (lease === undefined) return
    try {
      await this.#options.store.release(session.token.storeKey, lease)
    } finally {
      session.letGo()
    }
  }

  async #create(changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const { clock, tokens } = this.#options
    if (changes.set.size === 0) return { state: 'ended' }
    const token = tokens.mint()
    const entries = new Map(changes.set)
    const lock: LockRequest | undefined = request.lock === true ? { holder: token.storeKey, leaseMs: LEASE_MS } : undefined
    const committed = await this.#options.store.commit(token.storeKey, this.#creation(token, entries, clock.now(), lock))
    if (committed.state === 'too_large') throw tooLarge()
    // 256 random bits met a record that exists: not chance, but a store that does not do what it says.
    if (committed.state !== 'committed') throw new UnstickError('store_unavailable', `The store answered "${committed.state}" to the creation of a session. Check the store.`)
    this.#options.telemetry.sessionCreated()
    const session = new Session(token, committed.head, entries, clock)
    if (committed.lease !== undefined) session.holds(committed.lease, this.#locks.keep(token.storeKey, committed.lease))
    return { state: 'committed', session }
  }

  /** A session that has ended leaves its remembered entries to a new one, under a new token. */
  async #succeed(lapsed: Session, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const after = this.#after(lapsed, changes)
    const outcome = await this.#create({ set: after, remove: UNTOUCHED }, request)
    await this.destroy(lapsed)
    return outcome
  }

  #creation(token: Token, entries: ReadonlyMap<EntryName, Entry>, now: Millis, lock: LockRequest | undefined): Delta {
    const { idleTimeoutMs, lifetimeMs, sessionBytes } = this.#options
    return {
      mode: 'create',
      set: this.#sealed(token, entries),
      remove: UNTOUCHED,
      idleMs: idleTimeoutMs, lifetimeMs,
      keepMs: keepMs(entries, now),
      maxBytes: sessionBytes,
      ...(lock === undefined ? {} : { lock }),
    }
  }

  #outcome(committed: Committed, session: Session, after: Map<EntryName, Entry>, request: CommitRequest): CommitOutcome {
    switch (committed.state) {
      case 'committed':
        session.committed(committed.head)
        session.entries.clear()
        for (const [name, entry] of after) session.entries.set(name, entry)
        if (request.release) session.letGo()
        return { state: 'committed', session }
      case 'gone':
      case 'moved':
        return { state: 'ended' }
      case 'too_large':
        throw tooLarge()
      case 'fenced':
        throw new UnstickError('session_busy', 'This request held its session too long without a sign of life, and another one has taken it over. What it changed was not saved; try again.')
      case 'conflict':
        throw new UnstickError('store_unavailable', 'The store reported a conflict for an update that asked for none. Check the store.')
    }
  }

  /** The entries after a change, without those that have run out. */
  #after(session: Session, changes: Changes): Map<EntryName, Entry> {
    const after = new Map<EntryName, Entry>()
    const now = session.now()
    for (const source of [session.entries, changes.set]) {
      for (const [name, entry] of source) {
        if (entry.expiresAt === undefined || entry.expiresAt > now) after.set(name, entry)
      }
    }
    for (const name of changes.remove) after.delete(name)
    return after
  }

  #refuseLargeEntries(changes: Changes): void {
    for (const { value } of changes.set.values()) {
      if (value.length > this.#options.entryBytes) throw tooLarge()
    }
  }

  #sealed(token: Token, entries: ReadonlyMap<EntryName, Entry>): Map<EntryName, Uint8Array> {
    const { newest } = this.#options.keyring
    const sealed = new Map<EntryName, Uint8Array>()
    for (const [name, entry] of entries) {
      sealed.set(name, seal(encodeEntry(entry), newest, token.sealing(newest), token.storeKey, name))
    }
    return sealed
  }

  #held(token: Token, opened: Extract<Opened, { state: 'record' }>, hold: Hold | undefined): Session {
    try {
      const session = this.#unsealed(token, opened.record)
      if (opened.lease !== undefined && hold !== undefined) session.holds(opened.lease, hold)
      return session
    } catch (error) {
      // Nobody will use this lease; it runs out by itself.
      hold?.end()
      throw error
    }
  }

  #unsealed(token: Token, record: StoredRecord): Session {
    const entries = new Map<EntryName, Entry>()
    const lapsed = record.now >= record.expiresAt
    for (const [name, bytes] of record.entries) {
      const entry = this.#unsealedEntry(token, name, bytes)
      const alive = entry.expiresAt === undefined ? !lapsed : entry.expiresAt > record.now
      if (alive) entries.set(name, entry)
    }
    return new Session(token, record, entries, this.#options.clock)
  }

  #unsealedEntry(token: Token, name: EntryName, bytes: Uint8Array): Entry {
    const keyId = sealedWith(bytes)
    const key = keyId === undefined ? undefined : this.#options.keyring.byId(keyId)
    const plain = key === undefined ? undefined : unseal(bytes, token.sealing(key), token.storeKey, name)
    const entry = plain === undefined ? undefined : decodeEntry(plain)
    if (entry === undefined) {
      // Not a miss: dropping the entry would log somebody out because of a missing secret or a broken store.
      throw new UnstickError('store_unavailable', `A session entry could not be opened: ${key === undefined ? 'the secret that sealed it is not among the configured ones' : 'it was changed in the store'}. Check "secret" and the store.`)
    }
    return entry
  }
}

/** How long from `now` the record must stay for its entries' own expiries. */
function keepMs(entries: ReadonlyMap<EntryName, Entry>, now: Millis): Millis {
  const last = lastExpiry(entries)
  return last === undefined ? 0 : Math.max(0, last - now)
}

const tooLarge = (): UnstickError =>
  new UnstickError('too_large', 'The session would be larger than limits.entry or limits.session allows. Nothing was saved.')
