/** Sessions over a store: open, commit, rotate, destroy. Below here there are only sealed bytes; above, only open entries. */
import type { Changes, Entry } from '../carrier/carrier.ts'
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { type Committed, type EntryName, type LockRequest, type Opened, type SessionStore, TOMBSTONE_MS } from '../store/store.ts'
import type { Telemetry } from '../telemetry.ts'
import { LEASE_MS, Locks } from './lock.ts'
import type { Sealing } from './sealing.ts'
import { type Hold, lastExpiry, NoSession, Session } from './session.ts'
import type { Token, Tokens } from './token.ts'

export interface SessionsOptions {
  readonly store: SessionStore
  readonly tokens: Tokens
  readonly sealing: Sealing
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
  /** A session that this commit makes, new or in succession to another, starts with its lease held. */
  readonly lock: boolean
}

export type CommitOutcome =
  /** `session` may be another than the one that was given, under another token. */
  | { readonly state: 'committed'; readonly session: Session }
  /** The session is over: its last entry went, or somebody destroyed it meanwhile. */
  | { readonly state: 'ended' }

/** How long the old token still leads to the session after a rotation: for the requests in flight. */
const GRACE_MS: Millis = 10_000
/** Rotations that one request follows, or tries again because somebody else wrote in between. */
const MOST_HOPS = 4
const NONE: ReadonlySet<EntryName> = new Set()
const ENDED: CommitOutcome = { state: 'ended' }

export class Sessions {
  readonly none: NoSession
  readonly locks: Locks
  readonly #options: SessionsOptions
  readonly #store: SessionStore

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#store = options.store
    this.locks = new Locks(options.store, options.clock)
    this.none = new NoSession(options.clock)
  }

  /**
   * undefined: no such session (any more). One store round trip, and one more for each rotation since; the session then has a newer token
   * than was asked for. Throws `store_unavailable` and `session_busy`.
   */
  async open(asked: Token, request: OpenRequest): Promise<Session | undefined> {
    const { idleTimeoutMs, touchIntervalMs, sealing } = this.#options
    const options = request.touch ? { touch: { idleMs: idleTimeoutMs, intervalMs: touchIntervalMs } } : {}
    let token = asked
    for (let hop = 0; hop < MOST_HOPS; hop += 1) {
      const { opened, hold } = request.wait === undefined
        ? { opened: await this.#store.open(token.storeKey, options), hold: undefined }
        : await this.locks.open(token.storeKey, options, request.wait.ms, request.wait.signal)
      if (opened.state === 'record') return this.#opened(token, opened, hold)
      if (opened.state !== 'moved') return undefined
      token = sealing.follow(opened.successor, token)
    }
    return undefined
  }

  /**
   * Writes what changed, in one round trip; makes the session when there was none. Throws `too_large`, with nothing written,
   * `session_busy` when the lease was lost to somebody else, and `store_unavailable`.
   */
  async commit(current: Session | undefined, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const { telemetry } = this.#options
    try {
      this.#refuseLargeEntries(changes)
      const outcome = await this.#write(current, changes, request, MOST_HOPS)
      telemetry.committed(outcome.state)
      return outcome
    } catch (error) {
      telemetry.committed(failureOf(error))
      throw error
    }
  }

  /** Ends the session everywhere; what is in flight cannot bring it back. */
  async destroy(session: Session): Promise<void> {
    await this.#store.destroy(session.token.storeKey, TOMBSTONE_MS)
    this.#options.telemetry.sessionDestroyed()
    session.letGo()
  }

  /** Gives the lease back, if this request has it. When that fails the lease runs out by itself, and the error is thrown. */
  async release(session: Session): Promise<void> {
    const { lease } = session
    if (lease === undefined) return
    try {
      await this.#store.release(session.token.storeKey, lease)
    } finally {
      session.letGo()
    }
  }

  async #write(current: Session | undefined, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (current === undefined) {
      if (changes.set.size === 0) return ENDED
      const made = await this.#create(changes.set, request, this.#options.lifetimeMs)
      this.#options.telemetry.sessionCreated()
      return made
    }
    if (current.lapsed) return this.#succeed(current, changes, request)
    if (changes.rotate === true) return this.#rotate(current, changes, request, hops)
    return this.#update(current, changes, request, hops)
  }

  async #create(entries: ReadonlyMap<EntryName, Entry>, request: CommitRequest, lifetimeMs: Millis): Promise<{ state: 'committed'; session: Session }> {
    const { clock, tokens, sealing, idleTimeoutMs, sessionBytes } = this.#options
    const token = tokens.mint()
    const askedAt = clock.now()
    const lock: { lock?: LockRequest } = request.lock ? { lock: { holder: token.storeKey, leaseMs: LEASE_MS } } : {}
    const committed = await this.#store.commit(token.storeKey, {
      mode: 'create', set: sealing.seal(token, entries), remove: NONE,
      idleMs: idleTimeoutMs, lifetimeMs, keepMs: keepMs(entries, clock.now()), maxBytes: sessionBytes, ...lock,
    })
    if (committed.state === 'too_large') throw tooLarge()
    // 256 random bits met a record that exists: not chance, but a store that does not do what it says.
    if (committed.state !== 'committed') throw contradiction(`"${committed.state}" to the creation of a session`)
    const session = new Session(token, committed.head, new Map(entries), clock)
    if (committed.lease !== undefined) session.holds(committed.lease, this.locks.keep(token.storeKey, committed.lease, askedAt))
    return { state: 'committed', session }
  }

  async #update(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const { sealing, idleTimeoutMs, sessionBytes } = this.#options
    const after = entriesAfter(current, changes)
    const expired = [...current.entries.keys()].filter((name) => !after.has(name))
    const committed = await this.#store.commit(current.token.storeKey, {
      mode: 'update', set: sealing.seal(current.token, changes.set), remove: new Set([...changes.remove, ...expired, ...current.stale].filter((name) => !changes.set.has(name))),
      ...(request.touch ? { idleMs: idleTimeoutMs } : {}),
      ...(after.size === 0 ? { endIfEmptyMs: TOMBSTONE_MS } : {}),
      ...(current.lease === undefined ? {} : { lease: current.lease, release: request.release }),
      keepMs: keepMs(after, current.now()), maxBytes: sessionBytes,
    })
    if (committed.state === 'moved') return this.#follow(current, committed.successor, changes, request, hops)
    if (committed.state !== 'committed') return this.#refused(committed, current)
    current.committed(committed.head, after)
    if (request.release) current.letGo()
    return { state: 'committed', session: current }
  }

  /**
   * The same session under a new token (guarantee 10). The successor is whole before the old key points to it, so a crash between the two
   * steps leaves the old session as it was, and a successor that nobody knows.
   */
  async #rotate(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const after = entriesAfter(current, changes)
    if (after.size === 0) return this.#update(current, changes, request, hops)
    const made = await this.#create(after, request, current.lifetimeLeft)
    const moved = await this.#store.commit(current.token.storeKey, {
      mode: 'update', set: new Map(), remove: NONE, maxBytes: this.#options.sessionBytes, ifVersion: current.version,
      move: { successor: this.#options.sealing.pointTo(made.session.token, current.token), graceMs: GRACE_MS },
      ...(current.lease === undefined ? {} : { lease: current.lease, release: true }),
    })
    if (moved.state === 'committed') {
      current.letGo()
      return made
    }
    await this.#store.destroy(made.session.token.storeKey, TOMBSTONE_MS)
    made.session.letGo()
    if (moved.state === 'moved') return this.#follow(current, moved.successor, changes, request, hops)
    if (moved.state === 'conflict') return this.#again(current, changes, request, hops)
    return this.#refused(moved, current)
  }

  /** Somebody else wrote since we read: what they wrote goes along. */
  async #again(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (hops === 0) throw tooOften()
    const opened = await this.#store.open(current.token.storeKey, {})
    if (opened.state === 'moved') return this.#follow(current, opened.successor, changes, request, hops)
    if (opened.state !== 'record') return this.#refused({ state: 'gone' }, current)
    const fresh = this.#options.sealing.open(current.token, opened.record)
    current.handOn(fresh)
    return this.#write(fresh, changes, request, hops - 1)
  }

  /**
   * Another request has rotated the token meanwhile: our changes belong to the successor. But not when that request may have had the lease that
   * we took: what we read was then no longer true, and the fence did not move along.
   */
  async #follow(current: Session, successor: Uint8Array, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (current.overtaken) throw takenOver()
    current.letGo()
    if (hops === 0) throw tooOften()
    const next = await this.open(this.#options.sealing.follow(successor, current.token), { touch: request.touch })
    if (next === undefined) return ENDED
    return this.#write(next, { set: changes.set, remove: changes.remove }, request, hops - 1)
  }

  /** A session that has ended leaves its remembered entries to a new one, under a new token. */
  async #succeed(lapsed: Session, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const after = entriesAfter(lapsed, changes)
    const outcome = after.size === 0 ? ENDED : await this.#create(after, request, this.#options.lifetimeMs)
    await this.destroy(lapsed)
    return outcome
  }

  #refused(committed: Exclude<Committed, { state: 'committed' | 'moved' }>, session: Session): CommitOutcome {
    switch (committed.state) {
      case 'ended':
        this.#options.telemetry.sessionDestroyed()
        session.letGo()
        return ENDED
      case 'gone':
        // Ended or rotated long ago, by somebody who had the lease after us: the client may well have a session.
        if (session.overtaken) throw takenOver()
        session.letGo()
        return ENDED
      case 'too_large':
        throw tooLarge()
      case 'fenced':
        throw takenOver()
      case 'conflict':
        throw contradiction('"conflict" to an update that sets no condition')
    }
  }

  #opened(token: Token, opened: Extract<Opened, { state: 'record' }>, hold: Hold | undefined): Session {
    try {
      const session = this.#options.sealing.open(token, opened.record)
      if (opened.lease !== undefined && hold !== undefined) session.holds(opened.lease, hold)
      return session
    } catch (error) {
      // Nobody will use this lease; it runs out by itself.
      hold?.end()
      throw error
    }
  }

  #refuseLargeEntries(changes: Changes): void {
    for (const { value } of changes.set.values()) {
      if (value.length > this.#options.entryBytes) throw tooLarge()
    }
  }
}

/** The entries of a session after a change, without those that have run out. */
function entriesAfter(session: Session, changes: Changes): Map<EntryName, Entry> {
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

/** How long from `now` the record must stay for its entries' own expiries. */
function keepMs(entries: ReadonlyMap<EntryName, Entry>, now: Millis): Millis {
  const last = lastExpiry(entries)
  return last === undefined ? 0 : Math.max(0, last - now)
}

function failureOf(error: unknown): 'too_large' | 'fenced' | 'failed' {
  const code = error instanceof UnstickError ? error.code : undefined
  return code === 'too_large' ? 'too_large' : code === 'session_busy' ? 'fenced' : 'failed'
}

const tooLarge = (): UnstickError =>
  new UnstickError('too_large', 'The session would be larger than limits.entry or limits.session allows. Nothing was saved.')
const takenOver = (): UnstickError =>
  new UnstickError('session_busy', 'This request held its session too long without a sign of life, and another one has taken it over. What it changed was not saved; try again.')
const tooOften = (): UnstickError =>
  new UnstickError('session_busy', 'The token of this session was rotated by several requests at once, and this one did not get through. Try again.')
const contradiction = (what: string): UnstickError =>
  new UnstickError('store_unavailable', `The store answered ${what}. Check that it is what the configuration says.`)
