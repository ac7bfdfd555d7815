/**
 * The contract of a session store. A store holds sealed bytes under opaque keys: it never sees a token, a cookie
 * or a plain value. What a store must do is decided by test/conformance/store-suite.ts, which runs over every store.
 *
 * Rules that hold for every method:
 * - Absent, destroyed, moved, busy, conflict, fenced and too large are values. A fault of the store (unreachable, disk full,
 *   answer not understood) throws `UnstickError` with code `store_unavailable`; it never reads as "absent".
 * - Times are the store's own: Redis uses the server's clock, an embedded store that of its host. Callers pass
 *   durations in and compare against the `now` that comes back, so clock skew between sidecars does not matter.
 * - Each method is atomic, and linearizable per key. `open` and `commit` are one round trip each.
 * - Byte arrays that come out belong to the caller, and those that go in may be changed by the caller afterwards.
 */
import type { Millis } from '../clock.ts'

/** Names a session in the store: derived from the token, one way. 43 characters of base64url. */
export type StoreKey = string & { readonly __brand: 'StoreKey' }

/** Names a subject (somebody who has sessions) in the store: derived from their name and the secret, one way. 43 characters of base64url. */
export type SubjectKey = string & { readonly __brand: 'SubjectKey' }

/** Counts the commits of one record, from 1. A touch or a lease does not change it. */
export type Version = number

/** Names one piece of state in a session, such as `cookie:sid;;/` or `file:PHPSESSID`. At most 512 characters. */
export type EntryName = string

/** Asks for the exclusive lease of a record. */
export interface LockRequest {
  /** Unique per attempt to lock; asking again with the holder of the live lease renews it (same fence). */
  readonly holder: string
  readonly leaseMs: Millis
}

/** Proof of having been granted the lease. Each new grant has a larger fence than all before it on this record. */
export interface Lease {
  readonly holder: string
  readonly fence: number
}

/** Keeps a record alive from now on, unless it was kept alive less than `intervalMs` ago. Never creates a record. */
export interface TouchRequest {
  readonly idleMs: Millis
  readonly intervalMs: Millis
}

export interface OpenOptions {
  /** The version that the caller has already: when it is still current, the answer is `unchanged`, without entries. */
  readonly known?: Version
  readonly touch?: TouchRequest
  /** `busy` is answered, and nothing touched, when somebody else holds a live lease. */
  readonly lock?: LockRequest
}

/** What stays the same for all entries of a record. Times are by the store's clock, milliseconds since the epoch. */
export interface RecordHead {
  readonly version: Version
  readonly createdAt: Millis
  /** `createdAt` plus the lifetime it was created with; `Number.MAX_SAFE_INTEGER`: none was set. */
  readonly endsAt: Millis
  /** When the session ends if nobody uses it: never later than `endsAt`. */
  readonly expiresAt: Millis
  /** The record is kept until the later of `expiresAt` and this, for entries with an expiry of their own. 0: none. */
  readonly keepUntil: Millis
  /** The store's clock when it answered. */
  readonly now: Millis
}

export interface StoredRecord extends RecordHead {
  readonly entries: ReadonlyMap<EntryName, Uint8Array>
  /** What `Delta.label` left; undefined: nothing yet. */
  readonly label?: Uint8Array
}

export type Opened =
  | { readonly state: 'absent' }
  /** A tombstone stands here: the session was destroyed and may not come back. */
  | { readonly state: 'destroyed' }
  /** The record was moved to another key (rotation of the token); `successor` is what `Delta.move` left. */
  | { readonly state: 'moved'; readonly successor: Uint8Array }
  /** Somebody else holds the lease, for at most `leaseMs` more unless they renew it. */
  | { readonly state: 'busy'; readonly leaseMs: Millis }
  | { readonly state: 'unchanged'; readonly head: RecordHead; readonly lease?: Lease }
  | { readonly state: 'record'; readonly record: StoredRecord; readonly lease?: Lease }

/** A change to one record, applied whole or not at all. Entries that it does not name are left alone. */
export interface Delta {
  /** `create`: the record must not exist, not even as a tombstone. `update`: it must exist; it is never made. */
  readonly mode: 'create' | 'update'
  readonly set: ReadonlyMap<EntryName, Uint8Array>
  readonly remove: ReadonlySet<EntryName>
  /** What operators may read of the record, beside its entries and no part of their size. Absent: stays as it is. */
  readonly label?: Uint8Array
  /** The session now expires this long from now, within its lifetime. Absent: its expiry stays as it is (a route with `touch: false`); on create it is then `lifetimeMs`. */
  readonly idleMs?: Millis
  /** Only for `create`: the session ends this long after its creation, whatever happens. */
  readonly lifetimeMs?: Millis
  /** `keepUntil` becomes now plus this, if that is later than it is: others may have entries that need it. It never moves back. */
  readonly keepMs?: Millis
  /** The sum of the sizes of the entries' values, in bytes, that this delta may reach; a delta that shrinks a record passes always. */
  readonly maxBytes: number
  /** Apply only if the record still has this version; else `conflict`. */
  readonly ifVersion?: Version
  /** Apply only if this is still the lease last granted on the record (it may have run out, if nobody took it since); else `fenced`. */
  readonly lease?: Lease
  /**
   * Only for `update`: when no entry is left after this delta, the record is destroyed in the same step, a tombstone stands for this
   * long, and the answer is `ended`. Atomic, since another request may be adding an entry.
   */
  readonly endIfEmptyMs?: Millis
  /** With `lease`: give it back in the same step, and wake who waits for it. */
  readonly release?: boolean
  /** Only for `create`: the new record starts with this lease held. */
  readonly lock?: LockRequest
  /**
   * Only for `update`: the record gives up its entries and becomes a pointer. `open` answers `moved` with `successor` for `graceMs`, then
   * `destroyed` for `TOMBSTONE_MS` more; an `update` answers `moved` for all of that time, since it was in flight. `set` must be empty.
   */
  readonly move?: { readonly successor: Uint8Array; readonly graceMs: Millis }
}

export type Committed =
  | { readonly state: 'committed'; readonly head: RecordHead; readonly lease?: Lease }
  /** The delta took out the last entry, and with it the record (`endIfEmptyMs`). */
  | { readonly state: 'ended' }
  /** `create` met a record or a pointer, or `ifVersion` did not hold. */
  | { readonly state: 'conflict' }
  /** The record was destroyed, or ran out, while the request was in flight. */
  | { readonly state: 'gone' }
  | { readonly state: 'moved'; readonly successor: Uint8Array }
  /** Somebody else was granted the lease since. */
  | { readonly state: 'fenced' }
  | { readonly state: 'too_large' }

export interface SessionStore {
  /** For logs and metrics: `memory`, `sqlite`, `redis`. */
  readonly kind: string
  open(key: StoreKey, options: OpenOptions): Promise<Opened>
  commit(key: StoreKey, delta: Delta): Promise<Committed>
  /** Destroys the record, its lease and its pointer, and leaves a tombstone for `tombstoneMs`, also where nothing was. */
  destroy(key: StoreKey, tombstoneMs: Millis): Promise<void>
  /** Extends a lease; false when it is not ours any more. */
  renew(key: StoreKey, lease: Lease, leaseMs: Millis): Promise<boolean>
  /** Gives a lease back and wakes who waits; does nothing when it is not ours any more. */
  release(key: StoreKey, lease: Lease): Promise<void>
  /**
   * Resolves when the lease of `key` was given back, at the latest after `maxMs`, or when `signal` aborts. It may resolve early or
   * for nothing: callers ask `open` again. Never rejects: a store that cannot tell resolves after a short while.
   */
  released(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void>
  /**
   * Calls `changed` when the record under `key` is destroyed, moved or ended by its last entry, by whichever client, within a second while
   * the store can be reached; and, where that takes time, once when it has begun to hear. It may call late, twice or for nothing: callers ask. Never throws. The answer ends it.
   */
  watch(key: StoreKey, changed: () => void): () => void
  /**
   * Files a session under a subject for `forMs`, or for as long as it is filed already where that is longer. A list beside the records, which may
   * lie on another node: a session is filed before its record says so, and what is filed may be gone, or somebody else's, by now.
   */
  file(subject: SubjectKey, key: StoreKey, forMs: Millis): Promise<void>
  /** At most `most` of the sessions that are filed under a subject, those first that run out last. */
  filed(subject: SubjectKey, most: number): Promise<StoreKey[]>
  /** Takes sessions off a subject's list. */
  unfile(subject: SubjectKey, keys: readonly StoreKey[]): Promise<void>
  /** The store's clock. Throws `store_unavailable` when the store cannot serve. */
  ping(): Promise<Millis>
  /** Ends connections, timers and files. Calls after it throw `store_unavailable`. */
  close(): Promise<void>
}

/** How long a tombstone stands: longer than any request in flight may still try to write. */
export const TOMBSTONE_MS: Millis = 60_000
