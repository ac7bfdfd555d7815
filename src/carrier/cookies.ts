/**
 * The cookies carrier: the app's own cookies live in the session instead of the client. Each is an entry of its own, kept and
 * given back the way a browser does it (RFC 6265bis 5.7 and 5.8), without a browser's limit on size.
 */
import type { Millis } from '../clock.ts'
import type { CookieNames } from '../http/cookie-names.ts'
import { type CookiePair, defaultPath, domainMatches, furtherAttributes, parseSetCookie, pathMatches, type SetCookie, setCookieName } from '../http/cookies.ts'
import type { RawHeaders, RequestHead, ResponseHead } from '../http/message.ts'
import type { EntryName } from '../store/store.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Carrier, CarrierExchange, Changes, Entry, IfUnchanged, SessionView } from './carrier.ts'
import { NO_CHANGES } from './carrier.ts'
import { isTooLarge, Release } from './release.ts'
import { cookieEntryName, isCookieEntry, readCookie, type StoredCookie, writeCookie } from './stored-cookie.ts'

export interface CookiesOptions {
  /** Whose cookies are vaulted. */
  readonly names: CookieNames
  /** Take in a client's own cookie of a vaulted name where the session has none: for the days after unstick is put in. */
  readonly adopt: boolean
  /** Hand the session's cookies back to the client, and let it keep them from then on: for the days before unstick is taken out. undefined: no. */
  readonly release?: { readonly telemetry: Pick<Telemetry, 'cookieReleased'> } | undefined
  /** A repeated cookie whose expiry moved by less than this is not written again. */
  readonly touchIntervalMs: Millis
  readonly log: { warn(detail: object, message: string): void }
}

const IGNORED = "the app's cookie was ignored, as a browser would"

/** RFC 6265bis 5.5: no cookie lives longer. */
const MAX_AGE_MS: Millis = 400 * 86_400_000

export function cookiesCarrier(options: CookiesOptions): Carrier {
  const warned = new Set<string>()
  const warnOnce = (name: string, what: string): void => {
    if (warned.has(name + what) || warned.size > 100) return
    warned.add(name + what)
    options.log.warn({ cookie: name }, what)
  }
  return {
    name: 'cookies',
    commitPoint: 'head',
    begin: (session, request) => new CookiesExchange(options, session, request, warnOnce),
  }
}

class CookiesExchange implements CarrierExchange {
  readonly #options: CookiesOptions
  readonly #session: SessionView
  readonly #request: RequestHead
  readonly #warnOnce: (name: string, what: string) => void
  /** What the client sent itself and the session takes in now. */
  readonly #adopted: readonly CookiePair[]
  /** What the app takes away although this request has not seen it: a request beside this one may have added it meanwhile. */
  readonly #unseen = new Set<EntryName>()
  readonly #release: Release | undefined
  #kept = 0
  /** The session's cookies that are marked Secure, once they were looked for. */
  #secure: readonly (StoredCookie & { readonly entry: EntryName })[] | undefined

  constructor(options: CookiesOptions, session: SessionView, request: RequestHead, warnOnce: (name: string, what: string) => void) {
    this.#options = options
    this.#session = session
    this.#request = request
    this.#warnOnce = warnOnce
    if (options.release !== undefined) this.#release = new Release(session, request, options.names, (name) => { this.#tooLarge(name) })
    const kept = matching(session, request, this.#release?.returned)
    this.#adopted = options.adopt && request.dropped.length > 0 ? this.#adoptable() : []
    const own = this.#release?.passed ?? this.#adopted
    if (kept.length + own.length > 0) request.cookies = [...request.cookies, ...kept, ...own]
  }

  capture(response: ResponseHead): Changes {
    const { headers } = response
    if (this.#adopted.length === 0 && this.#release?.idle !== false && !hasSetCookie(headers)) return NO_CHANGES
    const set = new Map<EntryName, Entry>()
    const remove = new Set<EntryName>()
    const kept: RawHeaders = []
    for (const { name, value } of this.#adopted) this.#adopt(name, value, set, kept)
    for (let i = 0; i < headers.length; i += 2) {
      const field = headers[i] ?? ''
      const value = headers[i + 1] ?? ''
      const vaulted = isSetCookie(field) && this.#options.names.has(setCookieName(value))
      if (vaulted) this.#keep(value, set, remove, kept)
      else kept.push(field, value)
    }
    response.headers = kept
    const ifUnchanged = this.#release?.idle === false ? this.#handBack(this.#release, response) : undefined
    if (set.size + remove.size === 0) return ifUnchanged === undefined ? NO_CHANGES : { ...NO_CHANGES, ifUnchanged }
    // A logout means all that it names. By itself, what was not there is not worth a write on each answer of an app that expires it always.
    for (const name of this.#unseen) remove.add(name)
    return { set, remove, rotate: this.#newNames(set), ifUnchanged }
  }

  /**
   * Whether the app sets a cookie of a name that this session, which was there before, did not have: as at a login that the session's
   * beginner may have waited for (guarantee 10). A new value of a name that it had is no such sign: signed cookies change with every write.
   */
  #newNames(set: ReadonlyMap<EntryName, Entry>): boolean {
    if (this.#session.entries.size === 0 || set.size === 0) return false
    const had = new Set<string>()
    for (const [name, entry] of this.#session.entries) if (isCookieEntry(name)) had.add(readCookie(entry.value).name)
    for (const entry of set.values()) if (!had.has(readCookie(entry.value).name)) return true
    return false
  }

  settle(): Changes {
    return NO_CHANGES
  }

  /** Judged by what was there at the begin. Since then there may have been a logout, or another value. */
  #handBack({ handed, notes, returned }: Release, response: ResponseHead): IfUnchanged {
    return {
      set: notes, remove: returned,
      committed: () => {
        for (const cookie of handed.values()) response.headers.push('Set-Cookie', cookie)
        this.#options.release?.telemetry.cookieReleased('handed', handed.size)
        this.#options.release?.telemetry.cookieReleased('returned', returned.size)
      },
    }
  }

  #tooLarge(name: string): void {
    this.#options.release?.telemetry.cookieReleased('too_large', 1)
    this.#warnOnce(name, 'the cookie cannot be handed back: with its name it is longer than the 4096 bytes that browsers take. It stays in the store, and is lost to the client without unstick')
  }

  /** Of several of one name the first, which is the one of the longest path. */
  #adoptable(): CookiePair[] {
    const known = new Set<string>()
    for (const [name, entry] of this.#session.entries) if (isCookieEntry(name)) known.add(readCookie(entry.value).name)
    return this.#request.dropped.filter(({ name }) => {
      const wanted = this.#options.names.has(name) && !known.has(name)
      known.add(name)
      return wanted
    })
  }

  #adopt(name: string, value: string, set: Map<EntryName, Entry>, headers: RawHeaders): void {
    const cookie = this.#adoptedAs(name, value)
    set.set(cookieEntryName(cookie), { value: writeCookie(cookie), expiresAt: undefined })
    // The client's own copy goes, or it would be adopted again after a logout.
    headers.push('Set-Cookie', expiring(name, '/', undefined))
  }

  /** The client does not say where its cookie belongs. The empty path stands for that: it goes with every request, after all others. */
  #adoptedAs(name: string, value: string): StoredCookie {
    return { name, value, host: this.#request.host, domain: undefined, path: '', secure: false, createdAt: this.#session.now() }
  }

  /** Files one Set-Cookie of a vaulted name under the session, or takes it out again. */
  #keep(header: string, set: Map<EntryName, Entry>, remove: Set<EntryName>, headers: RawHeaders): void {
    const parsed = parseSetCookie(header)
    const why = parsed === undefined ? 'it is malformed' : refusal(parsed, this.#request)
    if (parsed === undefined || why !== undefined) {
      this.#warnOnce(setCookieName(header), `${IGNORED}: ${why ?? ''}`)
      return
    }
    const now = this.#session.now()
    const expiresAt = expiryOf(parsed, now)
    const expired = expiresAt !== undefined && expiresAt <= now
    if (this.#release !== undefined) this.#passOn(header, parsed, headers)
    // A copy that it was handed by a sidecar that releases must not outlive a logout.
    else if (this.#options.adopt || expired) this.#expireAtClient(parsed, headers)
    const cookie = this.#cookieOf(parsed, now)
    if (this.#coversSecure(cookie, remove)) {
      this.#warnOnce(cookie.name, `${IGNORED}: one marked Secure stands in its place, and the client did not come over https as far as unstick can tell`)
      return
    }
    // The app has spoken: what was adopted under this name, with a guess at its place, has had its time.
    this.#drop(cookieEntryName(this.#adoptedAs(cookie.name, '')), set, remove)
    const name = cookieEntryName(cookie)
    const stored = set.get(name) ?? (remove.has(name) ? undefined : this.#stored(name))
    const before = stored?.expiresAt !== undefined && stored.expiresAt <= now ? undefined : stored
    if (expired) {
      this.#unseen.add(name)
      return this.#drop(name, set, remove)
    }
    // The client has it from the app itself.
    this.#release?.handed.delete(name)
    if (before !== undefined && this.#same(before, cookie, expiresAt)) return undefined
    this.#release?.overruled(name)
    remove.delete(name)
    this.#unseen.delete(name)
    const old = before === undefined ? undefined : readCookie(before.value)
    const released = isTooLarge(cookie) ? undefined : this.#release?.setNow(cookie.name, old)
    set.set(name, { value: writeCookie({ ...cookie, createdAt: old?.createdAt ?? cookie.createdAt, attributes: furtherAttributes(header), released }), expiresAt })
    return undefined
  }

  /** As it is in the session, or will be as far as this request can tell. */
  #stored(name: EntryName): Entry | undefined {
    return this.#release?.returned.has(name) === true ? undefined : (this.#release?.notes.get(name) ?? this.#session.entries.get(name))
  }

  #drop(name: EntryName, set: Map<EntryName, Entry>, remove: Set<EntryName>): void {
    this.#release?.overruled(name)
    set.delete(name)
    if (this.#session.entries.has(name)) remove.add(name)
  }

  /**
   * RFC 6265bis 5.7: nothing that comes over http takes the place of a Secure cookie. Those are in the session already: none that comes over http is
   * kept. Read once for an answer, which may hold very many cookies.
   */
  #coversSecure(cookie: StoredCookie, remove: ReadonlySet<EntryName>): boolean {
    if (this.#request.secure) return false
    this.#secure ??= [...this.#session.entries]
      .filter(([name]) => isCookieEntry(name)).map(([name, entry]) => ({ entry: name, ...readCookie(entry.value) })).filter(({ secure }) => secure)
    const home = cookie.domain ?? cookie.host
    return this.#secure.some((old) => {
      const oldHome = old.domain ?? old.host
      return old.name === cookie.name && !remove.has(old.entry) && (domainMatches(home, oldHome) || domainMatches(oldHome, home)) && pathMatches(cookie.path, old.path)
    })
  }

  #cookieOf(parsed: SetCookie, now: Millis): StoredCookie {
    const { host, path } = this.#request
    // Stores keep no order: cookies of one response stand in theirs by thousandths of its millisecond.
    const createdAt = now + Math.min(this.#kept, 999) / 1_000
    this.#kept += 1
    return { name: parsed.name, value: parsed.value, secure: parsed.secure, createdAt, host, domain: parsed.domain, path: parsed.path ?? defaultPath(path) }
  }

  /** A cookie that the app repeats on every response is not worth a write each time. */
  #same(before: Entry, cookie: StoredCookie, expiresAt: Millis | undefined): boolean {
    const old = readCookie(before.value)
    if (old.value !== cookie.value || old.secure !== cookie.secure) return false
    if (before.expiresAt === undefined || expiresAt === undefined) return before.expiresAt === expiresAt
    const left = before.expiresAt - this.#session.now()
    const late = expiresAt - before.expiresAt
    return late >= 0 && late < Math.min(this.#options.touchIntervalMs, left / 20)
  }

  /** The client gets what it may keep from now on, as the app said it. */
  #passOn(header: string, cookie: SetCookie, headers: RawHeaders): void {
    if (isTooLarge(cookie)) this.#tooLarge(cookie.name)
    else headers.push('Set-Cookie', header)
  }

  /** A client that still sends its own copy gets rid of it, at the path and domain where the app put it. */
  #expireAtClient({ name, path, domain }: SetCookie, headers: RawHeaders): void {
    if (!this.#request.dropped.some((pair) => pair.name === name)) return
    headers.push('Set-Cookie', expiring(name, path ?? defaultPath(this.#request.path), domain))
  }
}

/** The session's cookies that a browser would send with this request, in its order: longer paths first, then older ones. */
function matching(session: SessionView, request: RequestHead, except?: ReadonlySet<EntryName>): CookiePair[] {
  const found: StoredCookie[] = []
  for (const [name, entry] of session.entries) {
    if (!isCookieEntry(name) || except?.has(name) === true) continue
    const cookie = readCookie(entry.value)
    const here = cookie.domain === undefined ? cookie.host === request.host : domainMatches(request.host, cookie.domain)
    if (here && pathMatches(request.path, cookie.path) && (!cookie.secure || request.secure)) found.push(cookie)
  }
  return found.sort((a, b) => b.path.length - a.path.length || a.createdAt - b.createdAt)
}

/** Why a browser would not keep this cookie; undefined: it would. RFC 6265bis 5.7. */
function refusal(cookie: SetCookie, request: RequestHead): string | undefined {
  if (cookie.domain !== undefined && !domainMatches(request.host, cookie.domain)) return 'its Domain is not the host that was asked'
  if (cookie.secure && !request.secure) return 'it is marked Secure, but the client did not come over https as far as unstick can tell (is the balancer in trustedProxies?)'
  const prefix = /^__(secure|host)-/i.exec(cookie.name)?.[1]?.toLowerCase()
  if (prefix !== undefined && !cookie.secure) return 'its name asks for Secure'
  if (prefix === 'host' && (cookie.domain !== undefined || cookie.path !== '/')) return 'its name asks for Path=/ and no Domain'
  return undefined
}

/** By the store's clock, since that is what entries expire by. Max-Age wins over Expires. */
function expiryOf({ maxAgeS, expires }: SetCookie, now: Millis): Millis | undefined {
  const at = maxAgeS === undefined ? expires : maxAgeS <= 0 ? 0 : now + maxAgeS * 1_000
  return at === undefined ? undefined : Math.min(at, now + MAX_AGE_MS)
}

/** Browsers heed a Set-Cookie of a name with a prefix only when it is marked Secure, also to delete. */
const expiring = (name: string, path: string, domain: string | undefined): string =>
  `${name}=; Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}; Max-Age=0${/^__(secure|host)-/i.test(name) ? '; Secure' : ''}`

const isSetCookie = (name: string): boolean => name.length === 10 && name.toLowerCase() === 'set-cookie'

function hasSetCookie(headers: RawHeaders): boolean {
  for (let i = 0; i < headers.length; i += 2) if (isSetCookie(headers[i] ?? '')) return true
  return false
}
