/** The store contract once more, as plainly as it can be said: a Map of sessions and a time. Written from store.ts alone. */
import { TOMBSTONE_MS } from '../../src/store/store.ts'
import type { Committed, Delta, Lease, OpenOptions, Opened, RecordHead, StoreKey } from '../../src/store/store.ts'

interface Session {
  version: number
  readonly createdAt: number
  readonly endsAt: number
  expiresAt: number
  keepUntil: number
  keptAliveAt: number
  entries: Map<string, Uint8Array>
  label: Uint8Array | undefined
  grants: number
  /** The last grant, unless it was given back. */
  grant?: { holder: string; until: number }
}

type Place = { session: Session } | { destroyedUntil: number; successor?: Uint8Array } | { successor: Uint8Array; movedUntil: number }

export class StoreModel {
  now = 1_700_000_000_000
  readonly #places = new Map<StoreKey, Place>()

  open(key: StoreKey, { known, touch, lock }: OpenOptions): Opened {
    const place = this.#at(key)
    if (place === undefined) return { state: 'absent' }
    if ('destroyedUntil' in place) return { state: 'destroyed' }
    if ('movedUntil' in place) return { state: 'moved', successor: place.successor }
    const { session } = place
    let lease: Lease | undefined
    if (lock !== undefined) {
      const live = session.grant !== undefined && session.grant.until > this.now
      if (live && session.grant?.holder !== lock.holder) return { state: 'busy', leaseMs: (session.grant?.until ?? 0) - this.now }
      if (!live) session.grants += 1
      session.grant = { holder: lock.holder, until: this.now + lock.leaseMs }
      lease = { holder: lock.holder, fence: session.grants }
    }
    const due = touch !== undefined && this.now - session.keptAliveAt >= touch.intervalMs
    if (due && this.now < session.expiresAt) this.#keepAlive(session, touch.idleMs)
    const granted = lease === undefined ? {} : { lease }
    if (known === session.version) return { state: 'unchanged', head: this.#head(session), ...granted }
    return { state: 'record', record: { ...this.#head(session), entries: new Map(session.entries), ...(session.label === undefined ? {} : { label: session.label }) }, ...granted }
  }

  commit(key: StoreKey, delta: Delta): Committed {
    const place = this.#at(key)
    if (place !== undefined && 'destroyedUntil' in place) {
      return place.successor !== undefined && delta.mode === 'update' ? { state: 'moved', successor: place.successor } : { state: 'gone' }
    }
    if (delta.mode === 'create') return place === undefined ? this.#create(key, delta) : { state: 'conflict' }
    if (place === undefined) return { state: 'gone' }
    if ('movedUntil' in place) return { state: 'moved', successor: place.successor }
    const { session } = place
    if (delta.lease !== undefined) {
      const otherHolder = session.grant !== undefined && session.grant.holder !== delta.lease.holder
      if (delta.lease.fence !== session.grants || otherHolder) return { state: 'fenced' }
    }
    if (delta.ifVersion !== undefined && delta.ifVersion !== session.version) return { state: 'conflict' }
    const entries = applied(session.entries, delta)
    if (delta.endIfEmptyMs !== undefined && entries.size === 0) {
      this.destroy(key, delta.endIfEmptyMs)
      return { state: 'ended' }
    }
    if (size(entries) > delta.maxBytes && size(entries) > size(session.entries)) return { state: 'too_large' }
    session.entries = entries
    session.label = delta.label ?? session.label
    session.version += 1
    if (delta.keepMs !== undefined && delta.keepMs > 0) session.keepUntil = Math.max(session.keepUntil, this.now + delta.keepMs)
    if (delta.idleMs !== undefined) this.#keepAlive(session, delta.idleMs)
    if (delta.lease !== undefined && delta.release === true) delete session.grant
    const head = this.#head(session)
    if (delta.move !== undefined) {
      this.#places.set(key, { successor: delta.move.successor, movedUntil: this.now + delta.move.graceMs })
    }
    return { state: 'committed', head }
  }

  destroy(key: StoreKey, tombstoneMs: number): void {
    const place = this.#at(key)
    const before = place !== undefined && 'destroyedUntil' in place ? place.destroyedUntil : 0
    this.#places.set(key, { destroyedUntil: Math.max(before, this.now + tombstoneMs) })
  }

  renew(key: StoreKey, lease: Lease, leaseMs: number): boolean {
    const session = this.#heldBy(key, lease)
    if (session?.grant === undefined) return false
    session.grant.until = this.now + leaseMs
    return true
  }

  release(key: StoreKey, lease: Lease): void {
    const session = this.#heldBy(key, lease)
    if (session !== undefined) delete session.grant
  }

  #create(key: StoreKey, delta: Delta): Committed {
    const entries = applied(new Map(), delta)
    if (size(entries) > delta.maxBytes) return { state: 'too_large' }
    const endsAt = delta.lifetimeMs === undefined ? Infinity : this.now + delta.lifetimeMs
    const session: Session = {
      version: 1, createdAt: this.now, endsAt, expiresAt: endsAt, keptAliveAt: this.now, entries, grants: 0, label: delta.label,
      keepUntil: delta.keepMs === undefined || delta.keepMs === 0 ? 0 : this.now + delta.keepMs,
    }
    if (delta.idleMs !== undefined) this.#keepAlive(session, delta.idleMs)
    this.#places.set(key, { session })
    if (delta.lock === undefined) return { state: 'committed', head: this.#head(session) }
    session.grants = 1
    session.grant = { holder: delta.lock.holder, until: this.now + delta.lock.leaseMs }
    return { state: 'committed', head: this.#head(session), lease: { holder: delta.lock.holder, fence: 1 } }
  }

  #keepAlive(session: Session, idleMs: number): void {
    session.expiresAt = Math.min(this.now + idleMs, session.endsAt)
    session.keptAliveAt = this.now
  }

  #heldBy(key: StoreKey, lease: Lease): Session | undefined {
    const place = this.#at(key)
    if (place === undefined || !('session' in place)) return undefined
    const { session } = place
    return session.grant?.holder === lease.holder && session.grants === lease.fence ? session : undefined
  }

  #head({ version, createdAt, endsAt, expiresAt, keepUntil }: Session): RecordHead {
    return { version, createdAt, endsAt, expiresAt, keepUntil, now: this.now }
  }

  /** What is there now, after time has done its work. */
  #at(key: StoreKey): Place | undefined {
    let place = this.#places.get(key)
    if (place !== undefined && 'movedUntil' in place && place.movedUntil <= this.now) {
      place = { destroyedUntil: place.movedUntil + TOMBSTONE_MS, successor: place.successor }
    }
    if (place === undefined) return undefined
    if ('destroyedUntil' in place) return place.destroyedUntil > this.now ? place : undefined
    if ('session' in place) return place.session.expiresAt > this.now || place.session.keepUntil > this.now ? place : undefined
    return place
  }
}

function applied(entries: ReadonlyMap<string, Uint8Array>, delta: Delta): Map<string, Uint8Array> {
  return new Map([...[...entries].filter(([name]) => !delta.remove.has(name)), ...delta.set])
}

function size(entries: ReadonlyMap<string, Uint8Array>): number {
  return [...entries.values()].reduce((sum, value) => sum + value.byteLength, 0)
}
