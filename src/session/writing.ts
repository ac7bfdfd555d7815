/** Writing a session: made, changed, ended; `rotating.ts` has what happens to its token. What a commit may meet on its way, and what becomes of the changes then. */
import type { Changes, Entry } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { type Committed, type Delta, type EntryName, TOMBSTONE_MS } from '../store/store.ts'
import { asRead, changesNoEntries, entriesAfter, keepMs, refuseMany, withoutCondition } from './changed.ts'
import type { CommitOutcome, CommitRequest, Opener, SessionsOptions } from './contract.ts'
import { Creating } from './creating.ts'
import { Filing } from './filing.ts'
import type { Label } from './label.ts'
import { contradiction, takenOver, tooLarge, tooOften } from './refusals.ts'
import { type Onward, Rotating } from './rotating.ts'
import type { Session } from './session.ts'

/** Rotations that one commit follows, or tries again because somebody else wrote in between. */
const MOST_HOPS = 16
const NONE: ReadonlySet<EntryName> = new Set()
const ENDED: CommitOutcome = { state: 'ended' }
const GONE: CommitOutcome = { state: 'gone' }
const UNCHANGED: CommitOutcome = { state: 'unchanged' }

export class Writing implements Onward {
  readonly #options: SessionsOptions
  readonly #opener: Opener
  readonly #filing: Filing
  readonly #creating: Creating
  readonly #rotating: Rotating

  constructor(options: SessionsOptions, opener: Opener) {
    this.#options = options
    this.#opener = opener
    this.#filing = new Filing(options.store, options.sealing.labels)
    this.#creating = new Creating(options, this.#filing, opener.locks)
    this.#rotating = new Rotating({ options, opener, filing: this.#filing, creating: this.#creating, onward: this })
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
    if (!newSubject && changesNoEntries(changes)) return UNCHANGED
    // Nothing is handed to who came with an old token, either.
    if (changes.ifUnchanged !== undefined && (!current.exact || current.inherited)) return this.write(current, withoutCondition(changes), request, hops)
    if (current.inherited && newSubject && changes.subject !== null) return this.#rotating.part(current, changes, request)
    // A session that has ended leaves its remembered entries to a new one, under a new token. Who came with an old token never gets a new one:
    // it may be somebody who planted it and waits.
    const rotate = changes.rotate === true || current.lapsed || (newSubject && changes.subject !== null)
    if (rotate && !current.inherited && request.inPlace !== true) return this.#rotating.rotate(current, changes, request, hops)
    return this.update(current, changes, request, hops)
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

  async update(current: Session, wanted: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    const { sealing, idleTimeoutMs, sessionBytes } = this.#options
    const conditional = wanted.ifUnchanged !== undefined
    const changes = asRead(wanted)
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
      ...(conditional ? { ifVersion: current.version } : {}),
      keepMs: keep, maxBytes: sessionBytes,
    }
    const committed = await this.#swept(current, changes, after, delta)
    if (conditional && (committed.state === 'conflict' || committed.state === 'too_large')) return this.write(current, withoutCondition(wanted), request, hops)
    if (committed.state === 'moved') return this.follow(current, committed.successor, wanted, request, hops)
    if (committed.state === 'committed' || committed.state === 'ended') wanted.ifUnchanged?.committed()
    if (committed.state !== 'committed') return this.refused(committed, current)
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
    return swept.state === 'conflict' && delta.ifVersion === undefined ? store.commit(key, delta) : swept
  }

  /**
   * Another request has rotated the token meanwhile: our changes belong to the successor. But not when that request may have had the lease that
   * we took: what we read was then no longer true, and the fence did not move along.
   */
  async follow(current: Session, successor: Uint8Array, changes: Changes, request: CommitRequest, hops: number): Promise<CommitOutcome> {
    if (current.overtaken) throw takenOver()
    const locked = current.lease !== undefined
    current.letGo()
    if (hops === 0) throw tooOften()
    const next = await this.#opener.openSuccessor(this.#options.sealing.follow(successor, current.token), { touch: request.touch, locked })
    return next === undefined ? GONE : this.write(next, withoutCondition(changes), request, hops - 1)
  }

  refused(committed: Exclude<Committed, { state: 'committed' | 'moved' }>, session: Session): CommitOutcome {
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
