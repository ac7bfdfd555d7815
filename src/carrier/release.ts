/**
 * `carriers.cookies.release`: the way back out. The session's cookies are handed back to the client, and whoever sets one from then on, the app gets
 * the newer of the two copies. Beside sidecars that do not release yet, that is the store's: they write there alone. Beside replicas that have no
 * sidecar any more, it is the client's: apps there write to it alone. Which of them it was, the client's copy tells:
 *
 * - the store's own value: nobody has written elsewhere;
 * - a value that it was handed before: it is late, and the store's counts;
 * - another value, or none although it had one: somebody without a sidecar has set or deleted it. The client's counts, and the store lets go of the cookie.
 *
 * A sidecar that does not release forgets in writing that the value was ever handed, so what it writes counts before what the client has.
 */
import { hash } from 'node:crypto'
import type { Millis } from '../clock.ts'
import type { CookieNames } from '../http/cookie-names.ts'
import { type CookiePair, domainMatches, pathMatches } from '../http/cookies.ts'
import type { RequestHead } from '../http/message.ts'
import type { EntryName } from '../store/store.ts'
import type { Entry, SessionView } from './carrier.ts'
import { isCookieEntry, readCookie, type Released, type StoredCookie, writeCookie } from './stored-cookie.ts'

/** How long a request may be on its way with what its client had before. */
const IN_FLIGHT_MS: Millis = 60_000
/** The same for a client that had none, which is told apart from one that has deleted it. */
const FIRST_SHOWN_MS: Millis = 10_000
/** Outdated values that are remembered of a cookie. */
const MOST_OLD = 8
/** RFC 6265bis 5.6: browsers ignore a cookie whose name and value are longer together. */
const LARGEST_COOKIE = 4096

export class Release {
  /** What the client sent itself and the app gets. */
  readonly passed: readonly CookiePair[]
  /** What the client has in a newer version, or has deleted: not for the app, and the store lets go of it. */
  readonly returned = new Set<EntryName>()
  /** Entries that now say what the client has. */
  readonly notes = new Map<EntryName, Entry>()
  /** Values of Set-Cookie that hand cookies back, by entry. */
  readonly handed = new Map<EntryName, string>()
  readonly #now: Millis
  readonly #sent: readonly CookiePair[]
  readonly #tooLarge: (name: string) => void

  /** `tooLarge` is told of cookies that no browser takes: they stay in the store. */
  constructor(session: SessionView, request: RequestHead, names: CookieNames, tooLarge: (name: string) => void) {
    this.#now = session.now()
    this.#tooLarge = tooLarge
    this.#sent = request.dropped.filter(({ name }) => names.has(name))
    const kept = new Set<string>()
    for (const [entryName, entry] of session.entries) {
      if (!isCookieEntry(entryName) || (entry.expiresAt !== undefined && entry.expiresAt <= this.#now)) continue
      const cookie = readCookie(entry.value)
      if (!reaches(cookie, request)) continue
      const visible = pathMatches(request.path, cookie.path)
      if (this.#judge(entryName, entry, cookie, visible) && visible) kept.add(cookie.name)
    }
    this.passed = this.#sent.filter(({ name }) => !kept.has(name))
  }

  /** Whether there is nothing to tell the client or the store but what the app does. */
  get idle(): boolean {
    return this.handed.size + this.notes.size + this.returned.size === 0
  }

  /** The app has spoken of it, and what it said is newer. */
  overruled(name: EntryName): void {
    this.handed.delete(name)
    this.notes.delete(name)
    this.returned.delete(name)
  }

  /**
   * What is to be remembered of a value that the app sets now, in its own Set-Cookie, in place of `before`. Where there was none, the client gets a new
   * token in the same answer, and whoever comes with that has the cookie as well.
   */
  setNow(name: string, before: StoredCookie | undefined): Released {
    const outdated = this.#sentAs(name).concat(before === undefined ? [] : before.value)
    return { shownAt: before === undefined ? this.#now : (before.released?.shownAt ?? 0), old: this.#older(outdated, before?.released) }
  }

  /** Whether the store's copy counts. Notes what there is to write or to hand back. */
  #judge(entryName: EntryName, entry: Entry, cookie: StoredCookie, visible: boolean): boolean {
    const { released } = cookie
    const sent = visible ? this.#sentAs(cookie.name) : []
    if (visible && sent.includes(cookie.value)) {
      if (released === undefined || released.shownAt === 0 || released.old.some(([, since]) => since === 0)) this.#note(entryName, entry, { ...cookie, released: this.#shown(released) })
      return true
    }
    if (released === undefined) {
      if (this.#hand(entryName, entry, cookie)) this.#note(entryName, entry, { ...cookie, released: { shownAt: 0, old: this.#older(sent, undefined) } })
      return true
    }
    if (!visible) return true
    const newer = sent.length === 0 ? released.shownAt !== 0 && this.#now - released.shownAt >= FIRST_SHOWN_MS : sent.some((value) => !this.#isOld(value, released))
    if (newer) this.returned.add(entryName)
    // Not what the client may just have deleted.
    else if (sent.length > 0 || released.shownAt === 0) this.#hand(entryName, entry, cookie)
    return !newer
  }

  #note(entryName: EntryName, { expiresAt }: Entry, cookie: StoredCookie): void {
    this.notes.set(entryName, { value: writeCookie(cookie), expiresAt })
  }

  /** Whether a browser would take it. */
  #hand(entryName: EntryName, { expiresAt }: Entry, cookie: StoredCookie): boolean {
    if (isTooLarge(cookie)) {
      this.#tooLarge(cookie.name)
      return false
    }
    const domain = cookie.domain === undefined ? '' : `; Domain=${cookie.domain}`
    const maxAge = expiresAt === undefined ? '' : `; Max-Age=${Math.ceil((expiresAt - this.#now) / 1_000)}`
    // Of one that an older version stored nobody knows whether scripts may read it. The app says so when it next sets it.
    this.handed.set(entryName, `${cookie.name}=${cookie.value}; Path=${cookie.path || '/'}${domain}${maxAge}${cookie.secure ? '; Secure' : ''}${cookie.attributes ?? '; HttpOnly'}`)
    return true
  }

  #sentAs(name: string): string[] {
    return this.#sent.filter((pair) => pair.name === name).map(({ value }) => value)
  }

  #isOld(value: string, { old }: Released): boolean {
    const digest = digestOf(value)
    return old.some(([each, since]) => each === digest && this.#mayCome(since))
  }

  /** The client has the value now: what it had before may come from requests in flight, and soon not any more. */
  #shown(before: Released | undefined): Released {
    const old = (before?.old ?? []).map(([digest, since]) => [digest, since === 0 ? this.#now : since] as const)
    return { shownAt: before === undefined || before.shownAt === 0 ? this.#now : before.shownAt, old: old.filter(([, since]) => this.#mayCome(since)) }
  }

  #mayCome(since: Millis): boolean {
    return since === 0 || this.#now - since < IN_FLIGHT_MS
  }

  #older(values: readonly string[], before: Released | undefined): Released['old'] {
    const outdated = values.map((value) => [digestOf(value), 0] as const)
    return [...outdated, ...(before?.old ?? []).filter(([, since]) => this.#mayCome(since))].slice(0, MOST_OLD)
  }
}

export const isTooLarge = ({ name, value }: { readonly name: string; readonly value: string }): boolean => Buffer.byteLength(name) + Buffer.byteLength(value) > LARGEST_COOKIE

/** Whether the client could have it, on some path of this host. */
function reaches({ domain, host, secure }: StoredCookie, request: RequestHead): boolean {
  return (domain === undefined ? host === request.host : domainMatches(request.host, domain)) && (!secure || request.secure)
}

const digestOf = (value: string): string => hash('sha256', value, 'base64url').slice(0, 16)
