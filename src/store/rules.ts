/**
 * What each operation of the store contract decides, as pure functions on one row and a time. The stores that run in
 * this process (memory, SQLite) share them, so that they differ only in where rows lie. The Lua scripts of the Redis
 * store say the same again; the conformance suite and the model test hold all of them to one meaning.
 *
 * A moment belongs to what comes after it: a record whose `expiresAt` is 5 is there at 4 and absent at 5.
 */
import type { Millis } from '../clock.ts'
import { TOMBSTONE_MS } from './store.ts'
import type { Committed, Delta, EntryName, Lease, OpenOptions, Opened, RecordHead } from './store.ts'

/** Stands for "no lifetime was set": later than any time, and still exact as a number. */
export const NEVER: Millis = Number.MAX_SAFE_INTEGER

export interface RecordRow {
  readonly kind: 'record'
  readonly version: number
  readonly createdAt: Millis
  /** `createdAt` plus the lifetime; `expiresAt` never passes it. */
  readonly endsAt: Millis
  readonly expiresAt: Millis
  readonly keepUntil: Millis
  /** When it was last kept alive, for the interval of touches. */
  readonly touchedAt: Millis
  /** The sum of the sizes of the entries' values. */
  readonly bytes: number
  /** The fence of the lease last granted; 0: none yet. It only grows. */
  readonly fence: number
  /** Who was granted the last lease, also after it ran out; empty: nobody, or given back. */
  readonly holder: string
  readonly leaseUntil: Millis
  readonly label: Uint8Array | undefined
}

/** Answers `moved` until `graceUntil`, and is a tombstone from then until `until`. */
export interface PointerRow {
  readonly kind: 'pointer'
  readonly successor: Uint8Array
  readonly graceUntil: Millis
  readonly until: Millis
}

export interface TombstoneRow {
  readonly kind: 'tombstone'
  readonly until: Millis
}

export type Row = RecordRow | PointerRow | TombstoneRow

/** From this time on the row counts as absent and may be swept. */
export function goneAt(row: Row): Millis {
  return row.kind === 'record' ? Math.max(row.expiresAt, row.keepUntil) : row.until
}

/** What a stored row still means at `now`. */
export function standing(row: Row | undefined, now: Millis): Row | undefined {
  if (row === undefined || now >= goneAt(row)) return undefined
  return row.kind === 'pointer' && now >= row.graceUntil ? { kind: 'tombstone', until: row.until } : row
}

export function headOf(row: RecordRow, now: Millis): RecordHead {
  return { version: row.version, createdAt: row.createdAt, endsAt: row.endsAt, expiresAt: row.expiresAt, keepUntil: row.keepUntil, now }
}

export function leaseIsLive(row: Row | undefined, now: Millis): boolean {
  return row?.kind === 'record' && row.holder !== '' && row.leaseUntil > now
}

/** What `open` answers; `record` stands for `unchanged` too, until the caller has looked at `known`. */
export type OpenDecision =
  | { readonly state: 'record'; readonly row: RecordRow; readonly changed: boolean; readonly lease: Lease | undefined }
  | { readonly state: 'other'; readonly answer: Opened }

export function decideOpen(stored: Row | undefined, options: OpenOptions, now: Millis): OpenDecision {
  const row = standing(stored, now)
  if (row === undefined) return { state: 'other', answer: { state: 'absent' } }
  if (row.kind === 'tombstone') return { state: 'other', answer: { state: 'destroyed' } }
  if (row.kind === 'pointer') return { state: 'other', answer: { state: 'moved', successor: row.successor.slice() } }
  let next = row
  let lease: Lease | undefined
  if (options.lock !== undefined) {
    const { holder, leaseMs } = options.lock
    const live = leaseIsLive(row, now)
    if (live && row.holder !== holder) {
      return { state: 'other', answer: { state: 'busy', leaseMs: row.leaseUntil - now } }
    }
    const fence = live ? row.fence : row.fence + 1
    lease = { holder, fence }
    next = { ...next, holder, fence, leaseUntil: now + leaseMs }
  }
  next = touched(next, options.touch, now)
  return { state: 'record', row: next, changed: next !== row, lease }
}

/** A session that has run out is not brought back by a touch, even while the record is kept for entries with an expiry of their own. */
function touched(row: RecordRow, touch: OpenOptions['touch'], now: Millis): RecordRow {
  if (touch === undefined || now >= row.expiresAt || now - row.touchedAt < touch.intervalMs) return row
  return { ...row, expiresAt: Math.min(now + touch.idleMs, row.endsAt), touchedAt: now }
}

export type CommitDecision =
  | { readonly apply: false; readonly answer: Committed }
  /** `wake`: a lease was given back. `over`: the record is none any more. `clear`: entries that lie under the key go first, all of them. */
  | { readonly apply: true; readonly answer: Committed; readonly row: Row; readonly clear: boolean; readonly wake: boolean; readonly over: boolean }

const refuse = (state: 'conflict' | 'gone' | 'fenced' | 'too_large'): CommitDecision => ({ apply: false, answer: { state } })

/** The entries that lie under a key, as far as a decision needs them; asked only about a live record. */
export interface Contents {
  /** Bytes of the value now under a name; undefined: there is none. */
  sizeOf(name: EntryName): number | undefined
  count(): number
}

export function decideCommit(stored: Row | undefined, delta: Delta, contents: Contents, now: Millis): CommitDecision {
  // A pointer is a tombstone for whoever comes now, but not for an update that was in flight when it was set.
  const row = stored?.kind === 'pointer' && delta.mode === 'update' && now < stored.until ? stored : standing(stored, now)
  if (row?.kind === 'tombstone') return refuse('gone')
  if (delta.mode === 'create') return row === undefined ? decideCreate(delta, now) : refuse('conflict')
  if (row === undefined) return refuse('gone')
  if (row.kind === 'pointer') return { apply: false, answer: { state: 'moved', successor: row.successor.slice() } }
  return decideUpdate(row, delta, contents, now)
}

function decideCreate(delta: Delta, now: Millis): CommitDecision {
  const bytes = addedBytes(delta, NOTHING)
  if (bytes > delta.maxBytes) return refuse('too_large')
  const endsAt = delta.lifetimeMs === undefined ? NEVER : now + delta.lifetimeMs
  const { lock } = delta
  const row: RecordRow = {
    kind: 'record',
    version: 1,
    createdAt: now,
    endsAt,
    expiresAt: delta.idleMs === undefined ? endsAt : Math.min(now + delta.idleMs, endsAt),
    keepUntil: keepUntilOf(delta, 0, now),
    touchedAt: now,
    bytes,
    fence: lock === undefined ? 0 : 1,
    holder: lock?.holder ?? '',
    leaseUntil: lock === undefined ? 0 : now + lock.leaseMs,
    label: labelOf(delta, undefined),
  }
  const lease = lock === undefined ? {} : { lease: { holder: lock.holder, fence: 1 } }
  return { apply: true, answer: { state: 'committed', head: headOf(row, now), ...lease }, row, clear: true, wake: false, over: false }
}

const NOTHING: Contents = { sizeOf: () => undefined, count: () => 0 }

function decideUpdate(row: RecordRow, delta: Delta, contents: Contents, now: Millis): CommitDecision {
  if (delta.lease !== undefined && !lastGranted(row, delta.lease)) return refuse('fenced')
  if (delta.ifVersion !== undefined && delta.ifVersion !== row.version) return refuse('conflict')
  if (delta.endIfEmptyMs !== undefined && leavesNothing(delta, contents)) {
    return { apply: true, answer: { state: 'ended' }, row: tombstone(row, delta.endIfEmptyMs, now), clear: true, wake: row.holder !== '', over: true }
  }
  const bytes = row.bytes + addedBytes(delta, contents)
  if (bytes > delta.maxBytes && bytes > row.bytes) return refuse('too_large')
  const gaveBack = delta.lease !== undefined && delta.release === true && row.holder !== ''
  const next: RecordRow = {
    ...row,
    version: row.version + 1,
    bytes,
    keepUntil: keepUntilOf(delta, row.keepUntil, now),
    ...(delta.idleMs === undefined ? {} : { expiresAt: Math.min(now + delta.idleMs, row.endsAt), touchedAt: now }),
    ...(gaveBack ? { holder: '', leaseUntil: 0 } : {}),
    label: labelOf(delta, row.label),
  }
  const answer: Committed = { state: 'committed', head: headOf(next, now) }
  if (delta.move === undefined) return { apply: true, answer, row: next, clear: false, wake: gaveBack, over: false }
  const graceUntil = now + delta.move.graceMs
  const pointer: PointerRow = {
    kind: 'pointer', successor: delta.move.successor.slice(), graceUntil, until: graceUntil + TOMBSTONE_MS,
  }
  return { apply: true, answer, row: pointer, clear: true, wake: row.holder !== '', over: true }
}

const labelOf = (delta: Delta, before: Uint8Array | undefined): Uint8Array | undefined => (delta.label === undefined ? before : delta.label.slice())

/** A record's label, in the form of an answer. */
export function labelled({ label }: RecordRow): { label?: Uint8Array } {
  return label === undefined ? {} : { label: label.slice() }
}

function addedBytes(delta: Delta, contents: Contents): number {
  let bytes = 0
  for (const [name, value] of delta.set) bytes += value.byteLength - (contents.sizeOf(name) ?? 0)
  for (const name of delta.remove) if (!delta.set.has(name)) bytes -= contents.sizeOf(name) ?? 0
  return bytes
}

function leavesNothing(delta: Delta, contents: Contents): boolean {
  if (delta.set.size > 0) return false
  let removed = 0
  for (const name of delta.remove) if (contents.sizeOf(name) !== undefined) removed += 1
  return removed === contents.count()
}

function keepUntilOf(delta: Delta, before: Millis, now: Millis): Millis {
  return delta.keepMs === undefined || delta.keepMs === 0 ? before : Math.max(before, now + delta.keepMs)
}

/** Whether nobody else was granted the lease since: it may have run out or been given back. */
function lastGranted(row: RecordRow, lease: Lease): boolean {
  return row.fence === lease.fence && (row.holder === '' || row.holder === lease.holder)
}

/** Whether `lease` is the one last granted, and was not given back: what may be renewed or released. */
export function isHeld(row: Row | undefined, lease: Lease): row is RecordRow {
  return row?.kind === 'record' && row.holder !== '' && row.fence === lease.fence && row.holder === lease.holder
}

/** A longer tombstone that stands already is not cut short. */
export function tombstone(stored: Row | undefined, tombstoneMs: Millis, now: Millis): TombstoneRow {
  const row = standing(stored, now)
  const until = now + tombstoneMs
  return { kind: 'tombstone', until: row?.kind === 'tombstone' ? Math.max(until, row.until) : until }
}
