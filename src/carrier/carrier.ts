/**
 * The contract of a carrier: how an app's state travels between the session and the app. One object per carrier and
 * process; one `CarrierExchange` per request. Carriers know nothing of each other and nothing of the store.
 */
import type { Millis } from '../clock.ts'
import type { RequestHead, ResponseHead } from '../http/message.ts'
import type { EntryName } from '../store/store.ts'

/** One piece of state, open (not sealed). */
export interface Entry {
  readonly value: Uint8Array
  /** By the store's clock; undefined: as long as the session, that is until it has been idle too long. */
  readonly expiresAt: Millis | undefined
}

export type Entries = ReadonlyMap<EntryName, Entry>

/** What a carrier may know of the session of a request. A request without a session has one without entries. */
export interface SessionView {
  /** A public name of the session that is not its token and stays the same when that rotates; undefined: there is no session yet. */
  readonly id: string | undefined
  readonly entries: Entries
  /** The store's clock, as well as it can be told here. */
  now(): Millis
}

/** What a carrier learned from the app. Empty maps: nothing changed, and nothing will be written. */
export interface Changes {
  readonly set: ReadonlyMap<EntryName, Entry>
  readonly remove: ReadonlySet<EntryName>
  /** The app has given its session a new id, as it does when somebody logs in: the token must be a new one too (guarantee 10). */
  readonly rotate?: boolean
  /**
   * Whose session it is, as somebody who looks after users would name them; null: nobody's any more; undefined: as it was. A session that
   * was somebody else's, or nobody's, gets a new token with it: that is what a login looks like.
   */
  readonly subject?: string | null
  /** The app has ended the session: nothing of it stays, whatever else is in flight. What `set` holds begins a new one. */
  readonly destroy?: boolean
  /**
   * The app seems to have ended the session, and did not say so. It is over if nobody else has changed it since this request knew it, and these entries, as
   * they are here, are all that the change leaves. Else it goes on, with the change.
   */
  readonly endIfLeft?: Entries
  /** What is true only of the session that `begin` saw. One carrier at most has some, and never of entries that `set` and `remove` name. */
  readonly ifUnchanged?: IfUnchanged | undefined
}

/** Written in one step with the rest if nobody has written to the session since it was read. If somebody has, the rest is written alone. */
export interface IfUnchanged {
  readonly set: ReadonlyMap<EntryName, Entry>
  readonly remove: ReadonlySet<EntryName>
  /** Called once it is written, and not where it was dropped. May still change the response's head, which goes out afterwards. */
  committed(): void
}

export const NO_CHANGES: Changes = { set: new Map(), remove: new Set() }

/** How the upstream's part of a request ended. */
export type Outcome =
  /** The app's response arrived whole. */
  | 'complete'
  /** The response was cut short, or none came: the app may have changed its state all the same. */
  | 'broken'
  /** The request never reached the app. */
  | 'unsent'

/** Gets a copy of a body that passes by, in order. It must not throw, keep anybody waiting, or change the bytes. */
export interface BodyCopy {
  add(chunk: Buffer): void
  /** The body is whole. Not called for one that breaks off, or that the app did not take to its end. */
  end(): void
}

/** What a carrier can tell only from bodies, and so only after the response's head. */
export interface BodyReading {
  /** How much of the response's body it needs whole, in bytes; 0: nothing of it, only time. */
  readonly maxBytes: number
  /**
   * Called once. `body`: undefined when it has turned out larger than `maxBytes`, or when nothing of it was needed. May change the
   * response's head, which goes out afterwards. A response that breaks off is not read.
   */
  read(body: readonly Buffer[] | undefined): Promise<BodyRead>
}

export interface BodyRead {
  readonly changes: Changes
  /** What goes to the client instead of the body that came, whole; undefined: that body. */
  readonly body?: Buffer | undefined
}

export interface CarrierExchange {
  /** Entries of what came with the request, by name: when the app ends the session, nothing of that goes into the one after it. */
  readonly cameWith?: ReadonlySet<EntryName>
  /** Wants a copy of the request's body. Looked at once, after `begin`; undefined for all but the few requests that a rule is about. */
  readonly requestBody?: BodyCopy | undefined
  /** Names, in lower case, of what clients must not get in interim answers and trailers either: `capture` takes them out of the head only. undefined: none. */
  readonly stripped?: ReadonlySet<string> | undefined
  /** Takes what concerns this carrier out of the head of the response (it may change it), at most once, before it is sent on. */
  capture(response: ResponseHead): Changes
  /** After `capture`: what it could not tell from the head. undefined: nothing, so the response streams. */
  reading?(response: ResponseHead): BodyReading | undefined
  /** Called always, once, at the end: what the app left behind that the head could not tell. Releases what `begin` took. */
  settle(outcome: Outcome): Promise<Changes> | Changes
}

export interface Carrier {
  readonly name: 'cookies' | 'files' | 'headers' | 'memory'
  /** When what this carrier captures must be committed: before the head goes out, or before the end does. */
  readonly commitPoint: 'head' | 'end'
  /**
   * Injects: puts the session before the app, by changing the head of the request that goes upstream or the app's own
   * storage. Carriers begin one after another and capture in the opposite order, so that `files` sees, both ways, the
   * cookies that the app sees. Throws `UnstickError` (`store_unavailable`: the app's state could not be put in
   * place), which answers the request before the app has seen it.
   */
  begin(session: SessionView, request: RequestHead): Promise<CarrierExchange> | CarrierExchange
}
