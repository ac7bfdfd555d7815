/** Sessions over a store: open, commit, destroy. Below here there are only sealed bytes; above, only open entries. */
import type { Changes } from '../carrier/carrier.ts'
import { UnstickError } from '../errors.ts'
import type { Opened, SessionStore } from '../store/store.ts'
import type { CommitOutcome, CommitRequest, Opener, OpenRequest, SessionsOptions } from './contract.ts'
import { destroySession, endIfLeft } from './destroying.ts'
import { watchForEnd } from './endings.ts'
import { LEASE_MS, Locks } from './lock.ts'
import { type Hold, NoSession, type Session } from './session.ts'
import type { Token } from './token.ts'
import { tooLarge, tooOften } from './refusals.ts'
import { Writing } from './writing.ts'

export type { CommitOutcome, CommitRequest, OpenRequest, SessionsOptions } from './contract.ts'

/** Rotations since a token was given out that an open follows. */
const MOST_HOPS = 16

export class Sessions implements Opener {
  readonly none: NoSession
  readonly locks: Locks
  readonly #options: SessionsOptions
  readonly #store: SessionStore
  readonly #writing: Writing

  constructor(options: SessionsOptions) {
    this.#options = options
    this.#store = options.store
    this.locks = new Locks(options.store, options.clock)
    this.none = new NoSession(options.storeClock)
    this.#writing = new Writing(options, this)
  }

  /**
   * undefined: no such session (any more). One store round trip, and one more for each rotation since; the session is then `inherited`.
   * Throws `store_unavailable` and `session_busy`.
   */
  async open(asked: Token, request: OpenRequest): Promise<Session | undefined> {
    const { idleTimeoutMs, touchIntervalMs, sealing } = this.#options
    const options = request.touch ? { touch: { idleMs: idleTimeoutMs, intervalMs: touchIntervalMs } } : {}
    let token = asked
    for (let hop = 0; hop < MOST_HOPS; hop += 1) {
      const { opened, hold } = request.wait === undefined
        ? { opened: await this.#store.open(token.storeKey, options), hold: undefined }
        : await this.locks.open(token.storeKey, options, request.wait.ms, request.wait.signal)
      if (opened.state === 'record') return this.#opened(token, opened, hold, hop > 0)
      if (opened.state !== 'moved') return undefined
      token = sealing.follow(opened.successor, token)
    }
    // Not a miss: the session is there, further on.
    throw tooOften()
  }

  async openSuccessor(token: Token, { touch, locked }: { touch: boolean; locked: boolean }): Promise<Session | undefined> {
    const session = await this.open(token, { touch, ...(locked ? { wait: { ms: LEASE_MS, signal: new AbortController().signal } } : {}) })
    session?.inherit()
    return session
  }

  /**
   * Writes what changed, in one round trip; makes the session when there was none. Throws `too_large`, with nothing written,
   * `session_busy` when the lease was lost to somebody else, and `store_unavailable`.
   */
  async commit(current: Session | undefined, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    const { telemetry } = this.#options
    try {
      this.#refuseLargeEntries(changes)
      const outcome = await this.#written(current, changes, request)
      if (outcome.state !== 'unchanged') telemetry.committed(outcome.state)
      return outcome
    } catch (error) {
      telemetry.committed(failureOf(error))
      throw error
    }
  }

  /** Calls `ended` when somebody ends the session, wherever and under whatever token. The answer ends it. */
  watch(session: Session, ended: () => void): () => void {
    return watchForEnd(this.#options, session, ended)
  }

  /** Ends the session everywhere; what is in flight cannot bring it back. */
  async destroy(session: Session): Promise<void> {
    await destroySession(this.#options, session)
    this.#isOver(session)
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

  async #written(current: Session | undefined, changes: Changes, request: CommitRequest): Promise<CommitOutcome> {
    if (changes.destroy === true) return this.#startOver(current, changes, request)
    if (current === undefined || !(await endIfLeft(this.#store, current, changes))) return this.#writing.write(current, changes, request)
    this.#isOver(current)
    return { state: 'ended' }
  }

  #isOver(session: Session): void {
    this.#writing.forget(session)
    this.#options.telemetry.sessionDestroyed()
    session.letGo()
  }

  /** What the app said beside its end begins a session that has nothing of the one before. */
  async #startOver(current: Session | undefined, { set, subject }: Changes, request: CommitRequest): Promise<CommitOutcome> {
    if (current !== undefined) await this.destroy(current)
    return this.#writing.write(undefined, { set, remove: new Set(), ...(subject === undefined ? {} : { subject }) }, request)
  }

  async #opened(token: Token, opened: Extract<Opened, { state: 'record' }>, hold: Hold | undefined, inherited: boolean): Promise<Session | undefined> {
    this.#options.storeClock.learn(opened.record.now)
    let session: Session | undefined
    try {
      session = this.#options.sealing.open(token, opened.record)
      if (inherited) session.inherit()
    } finally {
      // What cannot be opened must not keep others waiting. The reason is on its way already.
      if (session === undefined) await this.#giveBack(token, opened, hold)
    }
    if (opened.lease !== undefined && hold !== undefined) session.holds(opened.lease, hold)
    if (session.lapsed && session.entries.size === 0) {
      await this.release(session)
      return undefined
    }
    // Done on the side: this request needs nothing of it, and the next one tries again.
    if (session.outdated.size > 0 || session.labelOutdated) this.#writing.renewSeals(session).catch(() => undefined)
    return session
  }

  async #giveBack(token: Token, { lease }: Extract<Opened, { state: 'record' }>, hold: Hold | undefined): Promise<void> {
    if (lease !== undefined) await this.#store.release(token.storeKey, lease).catch(() => undefined)
    hold?.end()
  }

  #refuseLargeEntries(changes: Changes): void {
    for (const { value } of changes.set.values()) {
      if (value.length > this.#options.entryBytes) throw tooLarge()
    }
  }
}

function failureOf(error: unknown): 'too_large' | 'fenced' | 'failed' {
  const code = error instanceof UnstickError ? error.code : undefined
  return code === 'too_large' ? 'too_large' : code === 'session_busy' ? 'fenced' : 'failed'
}
