/** Sessions as operators see them: whose, since when, how large; and ending them, one or all of somebody's. */
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { type Delta, type SessionStore, type StoreKey, type SubjectKey, TOMBSTONE_MS } from '../store/store.ts'
import type { Labels } from './label.ts'
import { tooOften } from './refusals.ts'

/** What may be told of a session without its token. Times are the store's, milliseconds since the epoch. */
export interface SessionSummary {
  /** What the store calls it. Opens nothing, and changes when the token rotates. */
  readonly key: StoreKey
  /** What the app may know it by (`X-Session-Id`): stays the same. undefined: it has no label yet. */
  readonly id: string | undefined
  readonly subject: string | undefined
  readonly startedAt: Millis
  /** When it ends if nobody uses it. */
  readonly expiresAt: Millis
  /** When its last entry with an expiry of its own ends, such as a remember-me cookie. 0: there is none. */
  readonly keptUntil: Millis
  readonly entries: number
  /** Of its entries, sealed. */
  readonly bytes: number
}

/** Sessions of one subject that are told of, or ended, at a time. */
export const MOST_SESSIONS = 1_000
/** Rounds after which it is told that there were more, and not that all have ended. */
const MOST_ROUNDS = 100

/** What a store key looks like. What does not is no session, and no reason to ask the store. */
const KEY = /^[\w-]{43}$/

export class Registry {
  readonly #store: SessionStore
  readonly #labels: Labels

  constructor(store: SessionStore, labels: Labels) {
    this.#store = store
    this.#labels = labels
  }

  /** Of the secrets by which subjects are looked up: one whose sessions were filed under another is not found. */
  get keyIds(): readonly string[] {
    return this.#labels.keyIds
  }

  /** undefined: no such session (any more). Throws `store_unavailable`, also when the session's secret is not among the configured ones. */
  async show(key: string): Promise<SessionSummary | undefined> {
    return KEY.test(key) ? this.#summary(key as StoreKey) : undefined
  }

  async #summary(key: StoreKey): Promise<SessionSummary | undefined> {
    const opened = await this.#store.open(key, {})
    if (opened.state !== 'record') return undefined
    const { record } = opened
    const label = record.label === undefined ? undefined : this.#labels.open(key, record.label)
    let bytes = 0
    for (const value of record.entries.values()) bytes += value.length
    return {
      key, id: label?.id, subject: label?.subject, startedAt: label?.startedAt ?? record.createdAt,
      expiresAt: record.expiresAt, keptUntil: record.keepUntil, entries: record.entries.size, bytes,
    }
  }

  /** The live sessions of a subject, newest first; `MOST_SESSIONS` at the most. */
  async list(subject: string): Promise<SessionSummary[]> {
    const found: SessionSummary[] = []
    for (const name of this.#labels.subjectKeys(subject)) {
      for (const key of await this.#store.filed(name, MOST_SESSIONS)) {
        const session = await this.#summary(key)
        if (session?.subject === subject && !found.some((other) => other.key === key)) found.push(session)
      }
    }
    return found.sort((a, b) => b.startedAt - a.startedAt).slice(0, MOST_SESSIONS)
  }

  /**
   * Ends a session everywhere; false: there was none under this key, or it has another one by now. Only if nobody has written since it was looked at: a
   * tombstone in the place of the pointer that a rotation leaves would let the session live on under its new key.
   */
  async revoke(key: string): Promise<boolean> {
    if (!KEY.test(key)) return false
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const opened = await this.#store.open(key as StoreKey, {})
      if (opened.state !== 'record') return false
      const { version, entries } = opened.record
      const all: Delta = { mode: 'update', set: new Map(), remove: new Set(entries.keys()), ifVersion: version, endIfEmptyMs: TOMBSTONE_MS, maxBytes: Number.MAX_SAFE_INTEGER }
      const ended = await this.#store.commit(key as StoreKey, all)
      if (ended.state !== 'conflict') return ended.state === 'ended'
    }
    throw tooOften()
  }

  /**
   * Ends all sessions of a subject everywhere, and answers how many. Also those that are being made or whose token is being rotated: they are filed
   * before they are there, so their places get tombstones, and the list is read until it is empty. A login that begins later is a new one.
   */
  async revokeAll(subject: string): Promise<number> {
    let ended = 0
    // Not theirs when they were looked at. They stay on the list: a login that is under way may just be making them so.
    const others = new Set<StoreKey>()
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      let left = 0
      for (const name of this.#labels.subjectKeys(subject)) {
        const keys = (await this.#store.filed(name, MOST_SESSIONS + others.size)).filter((key) => !others.has(key))
        left += keys.length
        ended += await this.#revokeFiled(subject, name, keys, others)
      }
      if (left === 0) return ended
    }
    throw new UnstickError('session_busy', `After ${ended} sessions of this subject were ended there were still more. Run it again.`)
  }

  async #revokeFiled(subject: string, name: SubjectKey, keys: readonly StoreKey[], others: Set<StoreKey>): Promise<number> {
    let ended = 0
    for (const key of keys) {
      const opened = await this.#store.open(key, {})
      const label = opened.state === 'record' && opened.record.label !== undefined ? this.#labels.open(key, opened.record.label) : undefined
      // A session may change hands without a new token, where its client has hung up.
      if (label !== undefined && label.subject !== subject) {
        others.add(key)
        continue
      }
      await this.#store.destroy(key, TOMBSTONE_MS)
      if (label !== undefined) ended += 1
    }
    await this.#store.unfile(name, keys.filter((key) => !others.has(key)))
    return ended
  }
}
