/** A session as one request sees it: opened from the store, or not there yet. */
import type { Entries, Entry, SessionView } from '../carrier/carrier.ts'
import type { Clock, Millis } from '../clock.ts'
import type { EntryName, Lease, RecordHead, Version } from '../store/store.ts'
import type { Label } from './label.ts'
import type { Token } from './token.ts'

/** What keeps a lease alive while a request holds it, and whoever stands in line behind it. */
export interface Hold {
  /** Ends the renewal and lets the next in line go. Does not give the lease back to the store. */
  end(): void
  /** Whether the lease may have run out by now: nobody has renewed it for as long as it lasts. */
  lapsed(): boolean
}

/** What opening a record tells beside its entries. */
export interface Opening {
  readonly stale: Set<EntryName>
  readonly outdated: ReadonlySet<EntryName>
  /** Opened when somebody asks, which most requests never do. undefined: the record has none. */
  readonly label: () => Label | undefined
  readonly labelOutdated: boolean
}

export class Session implements SessionView {
  readonly token: Token
  readonly entries: Map<EntryName, Entry>
  /** What the record still holds of entries that have run out: the next commit takes them along. */
  readonly stale: Set<EntryName>
  /** Entries that an older secret has sealed. */
  readonly outdated: ReadonlySet<EntryName>
  /** Whether an older secret has sealed the label. */
  readonly labelOutdated: boolean
  #label: Label | (() => Label | undefined) | undefined
  #inherited = false
  #exact = true
  #lease: Lease | undefined
  #hold: Hold | undefined
  #head: RecordHead
  #readAt: Millis
  readonly #clock: Clock

  constructor(token: Token, head: RecordHead, entries: Map<EntryName, Entry>, clock: Clock, opening: Opening) {
    this.token = token
    this.entries = entries
    this.stale = opening.stale
    this.outdated = opening.outdated
    this.labelOutdated = opening.labelOutdated
    this.#label = opening.label
    this.#head = head
    this.#clock = clock
    this.#readAt = clock.now()
  }

  /** A session that this process has just made. */
  static made(token: Token, head: RecordHead, entries: Map<EntryName, Entry>, label: Label, clock: Clock): Session {
    return new Session(token, head, entries, clock, { stale: new Set(), outdated: NO_NAMES, label: () => label, labelOutdated: false })
  }

  /** What operators may know of it; undefined: nothing was written down yet. Throws `store_unavailable` when it cannot be opened. */
  get label(): Label | undefined {
    if (typeof this.#label === 'function') this.#label = this.#label()
    return this.#label
  }

  get id(): string | undefined {
    return this.label?.id
  }

  get head(): RecordHead {
    return this.#head
  }

  /**
   * Opened for a request whose token was rotated since. It may read and write for its grace, and gets no token: neither the new one, which
   * it may not be the owner of, nor the old one, which would put itself in the new one's place.
   */
  get inherited(): boolean {
    return this.#inherited
  }

  inherit(): void {
    this.#inherited = true
  }

  /** How long the token cookie must last for the entries with an expiry of their own; undefined: until the browser closes. */
  get lastsMs(): Millis | undefined {
    const own = lastExpiry(this.entries)
    const until = this.#exact ? own : Math.max(own ?? 0, this.#head.keepUntil)
    return until === undefined || until <= this.now() ? undefined : until - this.now()
  }

  /** Whether `entries` was all that the record held when `version` was its version: not when others wrote between our reading and our writing. */
  get exact(): boolean {
    return this.#exact
  }

  get version(): Version {
    return this.#head.version
  }

  /** The store's clock: what it said, plus what has gone by here since. */
  now(): Millis {
    return this.#head.now + (this.#clock.now() - this.#readAt)
  }

  /**
   * Whether the session itself has ended (idle too long, or its lifetime is over) and only entries with an expiry of
   * their own are left: what a browser keeps when it is closed.
   */
  get lapsed(): boolean {
    return this.#head.now >= this.#head.expiresAt
  }

  /** Set while this request has the session to itself. */
  get lease(): Lease | undefined {
    return this.#lease
  }

  holds(lease: Lease, hold: Hold): void {
    this.#lease = lease
    this.#hold = hold
  }

  /** Whether somebody else may have had the lease since this request took it. Never so without one. */
  get overtaken(): boolean {
    return this.#hold?.lapsed() === true
  }

  /** The same lease, for the session read anew: kept alive where it was. */
  handOn(fresh: Session): void {
    const hold = this.#hold
    if (this.#lease !== undefined && hold !== undefined) fresh.holds(this.#lease, { end: () => this.letGo(), lapsed: () => hold.lapsed() })
  }

  /** The lease was given back, or is lost: nothing keeps it any more. */
  letGo(): void {
    this.#lease = undefined
    this.#hold?.end()
    this.#hold = undefined
  }

  /** What is left of the session's lifetime, whatever token it is under. */
  get lifetimeLeft(): Millis {
    return Math.max(1, this.#head.endsAt - this.now())
  }

  /** `label` undefined: stays as it was. */
  committed(head: RecordHead, entries: ReadonlyMap<EntryName, Entry>, label: Label | undefined): void {
    if (label !== undefined) this.#label = label
    this.#exact &&= head.version === this.#head.version + 1
    this.#head = head
    this.#readAt = this.#clock.now()
    this.stale.clear()
    this.entries.clear()
    for (const [name, entry] of entries) this.entries.set(name, entry)
  }
}

/** The view of a request that has no session. */
export class NoSession implements SessionView {
  readonly id = undefined
  readonly entries: Entries = NO_ENTRIES
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): Millis {
    return this.#clock.now()
  }
}

const NO_ENTRIES: Entries = new Map()
export const NO_NAMES: ReadonlySet<EntryName> = new Set()

/** When the last of the entries with an expiry of their own runs out; undefined: there are none. */
export function lastExpiry(entries: Entries): Millis | undefined {
  let last: Millis | undefined
  for (const { expiresAt } of entries.values()) {
    if (expiresAt !== undefined && (last === undefined || expiresAt > last)) last = expiresAt
  }
  return last
}
