/** Writing a session: made, changed, rotated, ended. What a commit may meet on its way, and what becomes of the changes then. */
import type { Changes, Entry } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { type Committed, type Delta, type EntryName, type Lease, type LockRequest, type StoredRecord, TOMBSTONE_MS } from '../store/store.ts'
import { LEASE_MS } from './lock.ts'
import { type Hold, lastExpiry, Session } from './session.ts'
import type { CommitOutcome, CommitRequest, Opener, SessionsOptions } from './contract.ts'

/** How long the old token still leads to the session after a rotation: for the requests in flight. */
const GRACE_MS: Millis = 10_000
/** Rotations that one commit follows, or tries again because somebody else wrote in between. */
const MOST_HOPS = 16
/** Entries of a session. Browsers keep some hundreds of cookies; all are opened with every request. */
const MOST_ENTRIES = 300
const NONE: ReadonlySet<EntryName> = new Set()
const ENDED: CommitOutcome = { state: 'ended' }
const GONE: CommitOutcome = { state: 'gone' }

export class Writing {
  readonly #options: SessionsOptions
  readonly #opener: Opener

  constructor(options: SessionsOptions, opener: Opener) {
    this.#options = options
    this.#opener = opener
  }

  async write(current: Session | undefined, changes: Changes, request: CommitRequest, hops = MOST_HOPS): Promise<CommitOutcome> {
    if (current === undefined) {
      if (changes.set.size === 0) return ENDED
      const session = await this.#create(changes.set, request, this.#options.lifetimeMs)
      this.#options.telemetry.sessionCreated()
      return { state: 'committed', session }
    }
    // A session that has ended leaves its remembered entries to a new one, under a new token. Who came with an old token never gets a new one:
    // it may be somebody who planted it and waits.
    if ((changes.rotate === true || current.lapsed) && !current.inherited && request.inPlace !== true) return this.#rotate(current, changes, request, hops)
    return this.#update(current, changes, request, hops)
  }

  /** Seals what an older secret has sealed, if nobody else writes meanwhile: then that secret can go some day. */
  async renewSeals(session: Session): Promise<void> {
    const outdated = new Map([...session.entries].filter(([name]) => session.outdated.has(name)))
    await this.#options.store.commit(session.token.storeKey, {
      mode: 'update', set: this.#options.sealing.seal(session.token, outdated), remove: NONE,
      ifVersion: session.version, maxBytes: Number.MAX_SAFE_INTEGER,
    })
  }

  async #create(entries: ReadonlyMap<EntryName, Entry>, request: CommitRequest, lifetimeMs: Millis): Promise<Session> {
    const { clock, storeClock, tokens, sealing, idleTimeoutMs, sessionBytes, store } = this.#options
    refuseMany(entries)
    const token = tokens.mint()
    const askedAt = clock.now()
    const lock: { lock?: LockRequest } = request.lock ? { lock: { holder: token.storeKey, leaseMs: LEASE_MS } } : {}
    const committed = await store.commit(token.storeKey, {
      mode: 'create', set: sealing.seal(token, entries), remove: NONE,
      idleMs: idleTimeoutMs, lifetimeMs, keepMs: keepMs(entries, storeClock.now()), maxBytes: sessionBytes, ...lock,
    })
    if (committed.state === 'too_large') throw tooLarge()
    // 256 random bits met a record that exists: not chance, but a store that does not do what it says.
    if (committed.state !== 'committed') throw contradiction(`"${committed.state}" to the creation of a session`)
    storeClock.learn(committed.head.now)
    const session = new Session(token, committed.head, new Map(entries), clock)
    if (committed.lease !== undefined) session.holds(committed.lease, this.#opener.locks.keep(token.storeKey, committed.lease, askedAt))
    return session
  }

  async #update(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const { sealing, idleTimeoutMs, sessionBytes } = this.#options
    const after = entriesAfter(current, changes)
    refuseMany(after)
    const delta: Delta = {
      mode: 'update', set: sealing.seal(current.token, changes.set), remove: changes.remove,
      ...(request.touch && !current.lapsed ? { idleMs: idleTimeoutMs } : {}),
      // Whether nothing is left is the store's to say: others may have added something, or taken it.
      ...(changes.set.size === 0 ? { endIfEmptyMs: TOMBSTONE_MS } : {}),
      ...(current.lease === undefined ? {} : { lease: current.lease, release: request.release }),
      keepMs: keepMs(after, current.now()), maxBytes: sessionBytes,
    }
    const committed = await this.#swept(current, changes, after, delta)
    if (committed.state === 'moved') return this.#follow(current, committed.successor, changes, request, hops)
    if (committed.state !== 'committed') return this.#refused(committed, current)
    this.#options.storeClock.learn(committed.head.now)
    current.committed(committed.head, after)
    if (request.release) current.letGo()
    return { state: 'committed', session: current }
  }

  /**
   * Takes along what has run out. Only if nobody wrote since we read: an entry that had run out then may be a new one now. If somebody
   * did, the changes go alone.
   */
  async #swept(current: Session, changes: Changes, after: ReadonlyMap<EntryName, Entry>, delta: Delta): Promise<Committed> {
    const { store } = this.#options
    const key = current.token.storeKey
    const runOut = [...current.stale, ...current.entries.keys()].filter((name) => !after.has(name) && !changes.remove.has(name))
    if (runOut.length === 0 || !current.exact) return store.commit(key, delta)
    const swept = await store.commit(key, { ...delta, remove: new Set([...changes.remove, ...runOut]), ifVersion: current.version })
    return swept.state === 'conflict' ? store.commit(key, delta) : swept
  }

  /**
   * The same session under a new token (guarantee 10). The successor is whole before the old key points to it, so a crash between the two
   * steps leaves the old session as it was, and a successor that nobody knows.
   */
  async #rotate(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const after = entriesAfter(current, changes)
    if (after.size === 0) return this.#update(current, changes, request, hops)
    if (current.lease === undefined) return this.#rotateInTurn(current, changes, request, hops)
    if (!current.exact) return this.#again(current, changes, request, hops)
    const made = await this.#create(after, request, current.lapsed ? this.#options.lifetimeMs : current.lifetimeLeft)
    const moved = await this.#point(current, made)
    if (moved.state === 'committed') {
      current.letGo()
      return { state: 'committed', session: made }
    }
    made.letGo()
    await this.#options.store.destroy(made.token.storeKey, TOMBSTONE_MS)
    if (moved.state === 'moved') return this.#follow(current, moved.successor, changes, request, hops)
    if (moved.state === 'conflict') return this.#again(current, changes, request, hops)
    return this.#refused(moved, current)
  }

  /**
   * For a request without a lock. Who holds the lease finishes first: the lease does not move along, so while they work another request could
   * have that of the successor, and one of the two would overwrite what the other wrote.
   */
  async #rotateInTurn(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (hops === 0) throw tooOften()
    const { opened, hold } = await this.#opener.locks.open(current.token.storeKey, {}, LEASE_MS, new AbortController().signal)
    if (opened.state === 'moved') return this.#follow(current, opened.successor, changes, request, hops)
    if (opened.state !== 'record' || opened.lease === undefined || hold === undefined) return this.#refused({ state: 'gone' }, current)
    const fresh = this.#freshInTurn(current, opened.record, opened.lease, hold)
    try {
      return await this.write(fresh, changes, request, hops - 1)
    } finally {
      // Where it was not rotated, by a fault or because there was no need any more. If that fails, the lease runs out by itself.
      await this.#opener.release(fresh).catch(() => undefined)
    }
  }

  #freshInTurn(current: Session, record: StoredRecord, lease: Lease, hold: Hold): Session {
    try {
      const fresh = this.#options.sealing.open(current.token, record)
      fresh.holds(lease, hold)
      return fresh
    } catch (error) {
      hold.end()
      throw error
    }
  }

  /** Has the old key point to the successor. When the store's answer is lost, what stands there tells whether it did. */
  async #point(current: Session, made: Session): Promise<Committed> {
    const { store, sealing, sessionBytes } = this.#options
    const key = current.token.storeKey
    try {
      return await store.commit(key, {
        mode: 'update', set: new Map(), remove: NONE, maxBytes: sessionBytes, ifVersion: current.version,
        move: { successor: sealing.pointTo(made.token, current.token), graceMs: GRACE_MS },
        ...(current.lease === undefined ? {} : { lease: current.lease, release: true }),
      })
    } catch (error) {
      try {
        const now = await store.open(key, {})
        if (now.state === 'moved' && sealing.follow(now.successor, current.token).storeKey === made.token.storeKey) return { state: 'committed', head: made.head }
        throw error
      } catch {
        // Nobody may keep the successor's lease alive any more: the pointer may have been set, and others wait behind it.
        await this.#opener.release(made).catch(() => undefined)
        throw error
      }
    }
  }

  /** Somebody else wrote since we read: what they wrote goes along. */
  async #again(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (hops === 0) throw tooOften()
    const opened = await this.#options.store.open(current.token.storeKey, {})
    if (opened.state === 'moved') return this.#follow(current, opened.successor, changes, request, hops)
    if (opened.state !== 'record') return this.#refused({ state: 'gone' }, current)
    const fresh = this.#options.sealing.open(current.token, opened.record)
    current.handOn(fresh)
    return this.write(fresh, changes, request, hops - 1)
  }

  /**
   * Another request has rotated the token meanwhile: our changes belong to the successor. But not when that request may have had the lease that
   * we took: what we read was then no longer true, and the fence did not move along.
   */
  async #follow(current: Session, successor: Uint8Array, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (current.overtaken) throw takenOver()
    const locked = current.lease !== undefined
    current.letGo()
    if (hops === 0) throw tooOften()
    const next = await this.#opener.openSuccessor(this.#options.sealing.follow(successor, current.token), { touch: request.touch, locked })
    return next === undefined ? GONE : this.write(next, changes, request, hops - 1)
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
        return GONE
      case 'too_large':
        throw tooLarge()
      case 'fenced':
        throw takenOver()
      case 'conflict':
        throw contradiction('"conflict" to an update that sets no condition')
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

function refuseMany(entries: ReadonlyMap<EntryName, Entry>): void {
  if (entries.size > MOST_ENTRIES) throw new UnstickError('too_large', `The session would have more than ${MOST_ENTRIES} entries. Nothing was saved.`)
}

export const tooLarge = (): UnstickError =>
  new UnstickError('too_large', 'The session would be larger than limits.entry or limits.session allows. Nothing was saved.')
const takenOver = (): UnstickError =>
  new UnstickError('session_busy', 'This request held its session too long without a sign of life, and another one has taken it over. What it changed was not saved; try again.')
export const tooOften = (): UnstickError =>
  new UnstickError('session_busy', 'The token of this session was rotated by several requests at once, and this one did not get through. Try again.')
const contradiction = (what: string): UnstickError =>
  new UnstickError('store_unavailable', `The store answered ${what}. Check that it is what the configuration says.`)

