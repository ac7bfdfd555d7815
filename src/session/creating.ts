/** Making a session: under a token of its own, filed under its subject, and perhaps in succession to another. */
import type { Entry } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import type { EntryName, LockRequest } from '../store/store.ts'
import { keepMs, refuseMany } from './changed.ts'
import type { CommitRequest, SessionsOptions } from './contract.ts'
import type { Filing } from './filing.ts'
import type { Label } from './label.ts'
import { LEASE_MS, type Locks } from './lock.ts'
import { contradiction, tooLarge } from './refusals.ts'
import { Session } from './session.ts'

export interface NewSession {
  readonly entries: ReadonlyMap<EntryName, Entry>
  /** Of the session that it takes over from; undefined: it is the first. */
  readonly label: Label | undefined
  readonly subject: string | null | undefined
  readonly lifetimeMs: Millis
}

/** One that has lapsed leaves its remembered entries to another session, which is nobody's until somebody says so, and lives anew. */
export function successorOf(current: Session, entries: ReadonlyMap<EntryName, Entry>, subject: string | null | undefined, lifetimeMs: Millis): NewSession {
  if (current.lapsed) return { entries, label: undefined, subject, lifetimeMs }
  const { label, lifetimeLeft } = current
  // It has to be filed anew, under its new key.
  return { entries, label: label === undefined ? undefined : { ...label, filedUntil: 0 }, subject, lifetimeMs: lifetimeLeft }
}

export class Creating {
  readonly #options: SessionsOptions
  readonly #filing: Filing
  readonly #locks: Locks

  constructor(options: SessionsOptions, filing: Filing, locks: Locks) {
    this.#options = options
    this.#filing = filing
    this.#locks = locks
  }

  /** undefined: its subject was logged out everywhere while it was made. */
  async create({ entries, label: before, subject, lifetimeMs }: NewSession, request: CommitRequest): Promise<Session | undefined> {
    const { clock, storeClock, tokens, sealing, idleTimeoutMs, sessionBytes, store } = this.#options
    refuseMany(entries)
    const token = tokens.mint()
    const now = storeClock.now()
    const keep = keepMs(entries, now)
    const label = await this.#filing.next(token.storeKey, before, subject, now + Math.max(lifetimeMs, keep), now)
    const askedAt = clock.now()
    const lock: { lock?: LockRequest } = request.lock ? { lock: { holder: token.storeKey, leaseMs: LEASE_MS } } : {}
    const committed = await store.commit(token.storeKey, {
      mode: 'create', set: sealing.seal(token, entries), remove: new Set(),
      label: sealing.labels.seal(token.storeKey, label),
      idleMs: idleTimeoutMs, lifetimeMs, keepMs: keep, maxBytes: sessionBytes, ...lock,
    })
    if (committed.state === 'too_large') throw tooLarge()
    // Whoever logs a subject out puts a tombstone wherever a session of theirs is filed.
    if (committed.state === 'gone' && label.subject !== undefined) return undefined
    // 256 random bits met a record that exists: not chance, but a store that does not do what it says.
    if (committed.state !== 'committed') throw contradiction(`"${committed.state}" to the creation of a session`)
    storeClock.learn(committed.head.now)
    const session = Session.made(token, committed.head, new Map(entries), label, clock)
    if (committed.lease !== undefined) session.holds(committed.lease, this.#locks.keep(token.storeKey, committed.lease, askedAt))
    return session
  }
}
