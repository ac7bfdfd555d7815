/** Writing a session: made, changed, rotated, ended. What a commit may meet on its way, and what becomes of the changes then. */
import type { Changes, Entry } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { type Committed, type Delta, type EntryName, type Lease, type StoredRecord, TOMBSTONE_MS } from '../store/store.ts'
import { changesNoEntries, entriesAfter, keepMs, refuseMany } from './changed.ts'
import type { CommitOutcome, CommitRequest, Opener, SessionsOptions } from './contract.ts'
import { Creating, successorOf } from './creating.ts'
import { Filing } from './filing.ts'
import type { Label } from './label.ts'
import type { Turn } from './lock.ts'
import { contradiction, takenOver, tooLarge, tooOften } from './refusals.ts'
import { postponed } from './rotation-due.ts'
import type { Hold, Session } from './session.ts'

/** How long the old token still leads to the session after a rotation: for the requests in flight. */
const GRACE_MS: Millis = 10_000
/**
 * How long a request without a lock waits for its turn to rotate the token. Who holds the session may do so for minutes, and the app has logged somebody in
 * already: the next answer rotates.
 */
const TURN_MS: Millis = 500
/** Rotations that one commit follows, or tries again because somebody else wrote in between. */
const MOST_HOPS = 16
const NONE: ReadonlySet<EntryName> = new Set()
const ENDED: CommitOutcome = { state: 'ended' }
const GONE: CommitOutcome = { state: 'gone' }
const UNCHANGED: CommitOutcome = { state: 'unchanged' }

export class Writing {
  readonly #options: SessionsOptions
  readonly #opener: Opener
  readonly #filing: Filing
  readonly #creating: Creating

  constructor(options: SessionsOptions, opener: Opener) {
    this.#options = options
    this.#opener = opener
    this.#filing = new Filing(options.store, options.sealing.labels)
    this.#creating = new Creating(options, this.#filing, opener.locks)
  }

  async write(current: Session | undefined, changes: Changes, request: CommitRequest, hops = MOST_HOPS): Promise<CommitOutcome> {
    if (current === undefined) {
      if (changes.set.size === 0) return ENDED
      const session = await this.#creating.create({ entries: changes.set, label: undefined, subject: changes.subject, lifetimeMs: this.#options.lifetimeMs }, request)
      if (session === undefined) return GONE
      this.#options.telemetry.sessionCreated()
      return { state: 'committed', session }
    }
    const newSubject = changes.subject !== undefined && (changes.subject ?? undefined) !== current.label?.subject
    if (changes.subject !== undefined && !newSubject && changesNoEntries(changes)) return UNCHANGED
    if (current.inherited && newSubject && changes.subject !== null) return this.#part(current, changes, request)
    // A session that has ended leaves its remembered entries to a new one, under a new token. Who came with an old token never gets a new one:
    // it may be somebody who planted it and waits.
    const rotate = changes.rotate === true || current.lapsed || (newSubject && changes.subject !== null)
    if (rotate && !current.inherited && request.inPlace !== true) return this.#rotate(current, changes, request, hops)
    return this.#update(current, changes, request, hops)
  }

  /** It has ended: its subject's list need not know it any more. */
  forget(session: Session): void {
    this.#filing.forget(session)
  }

  /** Seals what an older secret has sealed, if nobody else writes meanwhile: then that secret can go some day. */
  async renewSeals(session: Session): Promise<void> {
    const { sealing, store } = this.#options
    const key = session.token.storeKey
    const label = session.labelOutdated ? session.label : undefined
    if (label !== undefined) await this.#filing.renew(key, label, session.now())
    const outdated = new Map([...session.entries].filter(([name]) => session.outdated.has(name)))
    await store.commit(key, {
      mode: 'update', set: sealing.seal(session.token, outdated), remove: NONE,
      ...(label === undefined ? {} : { label: sealing.labels.seal(key, label) }),
      ifVersion: session.version, maxBytes: Number.MAX_SAFE_INTEGER,
    })
  }

  async #update(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const { sealing, idleTimeoutMs, sessionBytes } = this.#options
    const after = entriesAfter(current, changes)
    refuseMany(after)
    const keep = keepMs(after, current.now())
    const label = await this.#labelOf(current, changes, keep)
    const delta: Delta = {
      mode: 'update', set: sealing.seal(current.token, changes.set), remove: changes.remove,
      ...(request.touch && !current.lapsed ? { idleMs: idleTimeoutMs } : {}),
      // Whether nothing is left is the store's to say: others may have added something, or taken it.
      ...(changes.set.size === 0 ? { endIfEmptyMs: TOMBSTONE_MS } : {}),
      ...(current.lease === undefined ? {} : { lease: current.lease, release: request.release }),
      ...(label === undefined ? {} : { label: sealing.labels.seal(current.token.storeKey, label) }),
      keepMs: keep, maxBytes: sessionBytes,
    }
    const committed = await this.#swept(current, changes, after, delta)
    if (committed.state === 'moved') return this.#follow(current, committed.successor, changes, request, hops)
    if (committed.state !== 'committed') return this.#refused(committed, current)
    this.#options.storeClock.learn(committed.head.now)
    current.committed(committed.head, after, label)
    if (request.release) current.letGo()
    return { state: 'committed', session: current }
  }

  /** The label where it has to change; undefined: it stays. Not looked at by a commit that tells of nobody, and keeps nothing for longer than the session lives. */
  async #labelOf(current: Session, changes: Changes, keep: Millis): Promise<Label | undefined> {
    if (changes.subject === undefined && keep <= current.lifetimeLeft) return undefined
    const now = current.now()
    const before = current.label
    const label = await this.#filing.next(current.token.storeKey, before, changes.subject, now + Math.max(current.lifetimeLeft, keep), now)
    return label === before ? undefined : label
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
    const made = await this.#creating.create(successorOf(current, after, changes.subject, this.#options.lifetimeMs), request)
    if (made === undefined) {
      await this.#opener.release(current)
      return GONE
    }
    const moved = await this.#point(current, made)
    if (moved.state === 'committed') {
      current.letGo()
      this.#filing.forget(current)
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
    const turn = await this.#turn(current)
    if (turn === undefined) return this.#update(current, postponed(changes), request, hops)
    const { opened, hold } = turn
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

  /** undefined: it does not come soon. */
  async #turn(current: Session): Promise<Turn | undefined> {
    try {
      return await this.#opener.locks.open(current.token.storeKey, {}, TURN_MS, new AbortController().signal)
    } catch (error) {
      if (error instanceof UnstickError && error.code === 'session_busy') return undefined
      throw error
    }
  }

  /**
   * Somebody logs in with an old token, in the grace after a rotation. Who has the new one may be somebody else, who planted the old one to have this very
   * login: so it goes to a session of its own, with all that was there, whose token only this client gets.
   */
  async #part(current: Session, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const { lifetimeMs, telemetry } = this.#options
    const made = await this.#creating.create({ entries: entriesAfter(current, changes), label: undefined, subject: changes.subject, lifetimeMs: current.lapsed ? lifetimeMs : current.lifetimeLeft }, request)
    await this.#opener.release(current)
    if (made === undefined) return GONE
    telemetry.sessionCreated()
    return { state: 'committed', session: made }
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
        this.#filing.forget(session)
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
