/** The same session under another token: when the app gives it a new id, when it has lapsed, when somebody logs in with an old one. */
import type { Changes } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { type Committed, type EntryName, type Lease, type StoredRecord, TOMBSTONE_MS } from '../store/store.ts'
import { asRead, entriesAfter, withoutCondition } from './changed.ts'
import type { CommitOutcome, CommitRequest, Opener, SessionsOptions } from './contract.ts'
import { type Creating, successorOf } from './creating.ts'
import type { Filing } from './filing.ts'
import type { Turn } from './lock.ts'
import { tooOften } from './refusals.ts'
import { postponed } from './rotation-due.ts'
import type { Hold, Session } from './session.ts'

/** How long the old token still leads to the session after a rotation: for the requests in flight. */
const GRACE_MS: Millis = 10_000
/**
 * How long a request without a lock waits for its turn to rotate the token. Who holds the session may do so for minutes, and the app has logged somebody in
 * already: the next answer rotates.
 */
const TURN_MS: Millis = 500
const NONE: ReadonlySet<EntryName> = new Set()
const GONE: CommitOutcome = { state: 'gone' }

/** What a rotation leaves to writing, when it cannot go its own way. `hops`: how many times more it may be tried. */
export interface Onward {
  write(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome>
  /** Under the token that is there. */
  update(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome>
  /** To the session that another rotation has left. */
  follow(current: Session, successor: Uint8Array, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome>
  refused(committed: Exclude<Committed, { state: 'committed' | 'moved' }>, session: Session): CommitOutcome
}

export class Rotating {
  readonly #options: SessionsOptions
  readonly #opener: Opener
  readonly #filing: Filing
  readonly #creating: Creating
  readonly #onward: Onward

  constructor(parts: { options: SessionsOptions; opener: Opener; filing: Filing; creating: Creating; onward: Onward }) {
    this.#options = parts.options
    this.#opener = parts.opener
    this.#filing = parts.filing
    this.#creating = parts.creating
    this.#onward = parts.onward
  }

  /**
   * The same session under a new token (guarantee 10). The successor is whole before the old key points to it, so a crash between the two
   * steps leaves the old session as it was, and a successor that nobody knows.
   */
  async rotate(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const after = entriesAfter(current, asRead(changes))
    if (after.size === 0) return this.#onward.update(current, changes, request, hops)
    if (current.lease === undefined) return this.#rotateInTurn(current, changes, request, hops)
    if (!current.exact) return this.#again(current, changes, request, hops)
    const made = await this.#creating.create(successorOf(current, after, changes.subject, this.#options.lifetimeMs), request)
    if (made === undefined) {
      await this.#opener.release(current)
      return GONE
    }
    const moved = await this.#point(current, made)
    if (moved.state === 'committed') {
      changes.ifUnchanged?.committed()
      current.letGo()
      this.#filing.forget(current)
      return { state: 'committed', session: made }
    }
    made.letGo()
    await this.#options.store.destroy(made.token.storeKey, TOMBSTONE_MS)
    if (moved.state === 'moved') return this.#onward.follow(current, moved.successor, changes, request, hops)
    if (moved.state === 'conflict') return this.#again(current, changes, request, hops)
    return this.#onward.refused(moved, current)
  }

  /**
   * For a request without a lock. Who holds the lease finishes first: the lease does not move along, so while they work another request could
   * have that of the successor, and one of the two would overwrite what the other wrote.
   */
  async #rotateInTurn(current: Session, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (hops === 0) throw tooOften()
    const turn = await this.#turn(current)
    if (turn === undefined) return this.#onward.update(current, postponed(changes), request, hops)
    const { opened, hold } = turn
    if (opened.state === 'moved') return this.#onward.follow(current, opened.successor, changes, request, hops)
    if (opened.state !== 'record' || opened.lease === undefined || hold === undefined) return this.#onward.refused({ state: 'gone' }, current)
    const fresh = this.#freshInTurn(current, opened.record, opened.lease, hold)
    try {
      return await this.#onward.write(fresh, fresh.version === current.version ? changes : withoutCondition(changes), request, hops - 1)
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
  async part(current: Session, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
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
    if (opened.state === 'moved') return this.#onward.follow(current, opened.successor, changes, request, hops)
    if (opened.state !== 'record') return this.#onward.refused({ state: 'gone' }, current)
    const fresh = this.#options.sealing.open(current.token, opened.record)
    current.handOn(fresh)
    return this.#onward.write(fresh, withoutCondition(changes), request, hops - 1)
  }
}
