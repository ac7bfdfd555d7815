/**
 * The session's side of one request: opened at its begin, injected by the carriers, captured from the response, committed,
 * and let go of. The exchange says when; this says what.
 */
import type { BodyCopy, BodyReading, CarrierExchange, Changes, Outcome } from '../carrier/carrier.ts'
import { NO_CHANGES } from '../carrier/carrier.ts'
import type { ResponseHead } from '../http/message.ts'
import type { SortedRequest } from '../http/request-head.ts'
import { postponed, ROTATION_DUE } from '../session/rotation-due.ts'
import type { Session } from '../session/session.ts'
import type { SeenToken, Token } from '../session/token.ts'
import type { Parts, Route } from './parts.ts'

/** Sessions that one request may ask the store for, where it has several tokens. */
const MOST_OPENED = 4

export class Visit {
  readonly #parts: Parts
  readonly #request: SortedRequest
  readonly #route: Route
  #session: Session | undefined
  #exchanges: CarrierExchange[] = []
  #settled = false
  /** The app's head had cookies that the client does not get. */
  #tookCookies = false
  /** The app has ended the session, in this answer. */
  #destroyed = false
  /** The head has gone out: whatever is made from now on, the client will not hear of it. */
  #announced = false
  /** The Set-Cookie value for the token that the response must carry; undefined: none. */
  #cookie: string | undefined

  constructor(parts: Parts, request: SortedRequest, route: Route) {
    this.#parts = parts
    this.#request = request
    this.#route = route
  }

  /** Whether there is a session that somebody can come back to. */
  get hasSession(): boolean {
    return this.#session !== undefined
  }

  /** Whether the response's end must wait for what the app leaves behind. */
  get commitsAtEnd(): boolean {
    return this.#parts.commitsAtEnd
  }

  /**
   * Opens the session that the token names, and lets the carriers put it before the app. No token: no store access, and mostly nothing to wait
   * for. `gone`: tells when the client has hung up.
   */
  begin(gone: () => AbortSignal): Promise<void> | undefined {
    const { tokens, telemetry } = this.#parts
    if (this.#request.tokens.length === 0) return this.#inject(0)
    const seen = tokens.verifyAll(this.#request.tokens)
    if (seen.length > 0) return this.#open(seen, gone)
    telemetry.tokenRefused()
    this.#parts.warnings.tokenRefused()
    return this.#inject(0)
  }

  /**
   * Mostly there is one. Of several, set for other paths or by other hosts of the domain, the first counts whose session is alive: browsers send those
   * of longer paths first, and one that was left behind must not log anybody out for good.
   */
  async #open(seen: readonly SeenToken[], gone: () => AbortSignal): Promise<void> {
    const { telemetry, sessions } = this.#parts
    const { touch, lock, lockWaitMs } = this.#route
    for (const { token } of seen.slice(0, MOST_OPENED)) {
      this.#session = await sessions.open(token, { touch, ...(lock === 'exclusive' ? { wait: { ms: lockWaitMs, signal: gone() } } : {}) })
      if (this.#session === undefined) continue
      this.#used(token, this.#session)
      break
    }
    telemetry.sessionOpened(this.#session === undefined ? 'missed' : 'found')
    await this.#inject(0)
  }

  /** Only where it led somewhere: browsers keep the tokens of sessions that are over, and those need no secret. */
  #used(token: Token, session: Session): void {
    token.signedBy.uses.token += 1
    // Signed by a secret that is on its way out.
    if (this.#parts.tokens.isStale(token)) this.#giveToken(session)
  }

  /** Carriers begin one after the other, from the one at `first` on. */
  #inject(first: number): Promise<void> | undefined {
    const { carriers, sessions } = this.#parts
    for (let i = first; i < carriers.length; i += 1) {
      const begun = carriers[i]?.begin(this.#session ?? sessions.none, this.#request.head)
      if (begun instanceof Promise) {
        return begun.then(async (exchange) => {
          this.#exchanges.push(exchange)
          await this.#inject(i + 1)
        })
      }
      if (begun !== undefined) this.#exchanges.push(begun)
    }
    return undefined
  }

  /** Takes the session's part out of the response head. In the opposite order of `begin`, so that each sees what its app said. */
  capture(response: ResponseHead): Changes {
    let changes = NO_CHANGES
    const before = response.headers.length
    for (let i = this.#exchanges.length - 1; i >= 0; i -= 1) {
      const exchange = this.#exchanges[i]
      if (exchange !== undefined) changes = merge(changes, exchange.capture(response))
    }
    this.#tookCookies = response.headers.length < before
    // What a session that has lapsed leaves goes to a new one. Its token has to go out with this head, whatever the end brings.
    if (this.commitsAtEnd && this.#session?.lapsed === true) return { ...changes, rotate: true }
    if (this.#session?.entries.has(ROTATION_DUE) === true) return { ...changes, remove: new Set([...changes.remove, ROTATION_DUE]), rotate: true }
    return changes
  }

  /** A copy of the request's body goes there, if a carrier wants one. */
  get requestBody(): BodyCopy | undefined {
    return this.#exchanges.find(({ requestBody }) => requestBody !== undefined)?.requestBody
  }

  /** Header names that the client must not get in interim answers and trailers either, in lower case. One carrier at most has any. */
  get stripped(): ReadonlySet<string> | undefined {
    return this.#exchanges.find(({ stripped }) => stripped !== undefined)?.stripped
  }

  /** After `capture`: what a carrier has to read of the bodies before the head may go. One carrier at most does. */
  reading(response: ResponseHead): BodyReading | undefined {
    for (const exchange of this.#exchanges) {
      const reading = exchange.reading?.(response)
      if (reading !== undefined) return reading
    }
    return undefined
  }

  /** What the app left that its head did not tell. Every carrier is settled, whatever happens to the others. */
  settle(outcome: Outcome): Promise<Changes> | Changes {
    if (this.#settled) return NO_CHANGES
    this.#settled = true
    const left = this.#exchanges.map((exchange) => attempt(() => exchange.settle(outcome)))
    if (left.every((changes) => changes === NO_CHANGES)) return NO_CHANGES
    return this.#allSettled(left)
  }

  async #allSettled(left: readonly (Promise<Changes> | Changes)[]): Promise<Changes> {
    let changes = NO_CHANGES
    for (const result of await Promise.allSettled(left.map(async (one) => one))) {
      if (result.status === 'rejected') throw result.reason
      changes = merge(changes, result.value)
    }
    return changes
  }

  /**
   * The app may have acted before it broke: what it left is committed all the same (guarantee 2). Not after a commit that failed (`lost`):
   * what belongs together would be half there, and the session worse than without any of it.
   */
  async saveWhatIsLeft(outcome: Outcome, captured: Changes, lost: boolean): Promise<void> {
    try {
      const left = await this.settle(outcome)
      if (!lost) await this.commit(merge(captured, left), true)
    } catch (error) {
      this.#parts.log.error({ err: error }, 'what the app left in its session could not be saved after its answer broke')
    }
  }

  /** Set when the client has hung up: what it will never hear of must not take its token away. */
  clientGone = false

  /** Writes changes to the store. `last`: nothing more will come, so a lease is given back in the same step. */
  async commit(given: Changes, last: boolean): Promise<void> {
    this.#destroyed ||= given.destroy === true
    const changes = this.#destroyed ? this.#withoutOld(given) : given
    if (isEmpty(changes)) return
    const { sessions, tokenCookie } = this.#parts
    const before = this.#session
    // A session that nobody can come back to is not worth making.
    if (before === undefined && (this.clientGone || this.#announced)) return
    const lock = !last && this.#route.lock === 'exclusive'
    // Whoever hung up at a login keeps the old token until the next answer. What ends a session ends it all the same.
    const wanted = this.clientGone && changes.destroy !== true && (changes.rotate === true || typeof changes.subject === 'string') ? postponed(changes) : changes
    const outcome = await sessions.commit(before, wanted, { touch: this.#route.touch, release: last, lock, inPlace: this.clientGone })
    if (outcome.state === 'unchanged') return
    if (outcome.state === 'committed') {
      this.#session = outcome.session
      this.#giveToken(outcome.session)
      return
    }
    this.#session = undefined
    // Only what this answer itself has ended: of a session that others ended, the client may have the successor by now.
    if (outcome.state === 'ended' && before !== undefined && !before.inherited) this.#cookie = tokenCookie.clear(this.#request.https)
  }

  #withoutOld(changes: Changes): Changes {
    const set = new Map(changes.set)
    for (const { cameWith } of this.#exchanges) for (const name of cameWith ?? []) set.delete(name)
    return { ...changes, set }
  }

  /** Calls `ended` when the session ends, for a connection that outlives its answer's head. undefined: there is no session. The answer ends it. */
  watch(ended: () => void): (() => void) | undefined {
    return this.#session === undefined ? undefined : this.#parts.sessions.watch(this.#session, ended)
  }

  /** Adds the token's Set-Cookie, if there is news for the client. */
  announce(response: ResponseHead): void {
    this.#announced = true
    // Shared caches take Set-Cookie as a sign that an answer is personal: where the app's own is gone, ours says it again.
    if ((this.#tookCookies || response.personal === true) && this.#cookie === undefined && this.#session !== undefined) this.#giveToken(this.#session)
    const cookie = this.takeCookie()
    if (cookie !== undefined) response.headers.push('Set-Cookie', cookie)
  }

  /** The Set-Cookie value that the client must get, once; undefined: no news. */
  takeCookie(): string | undefined {
    const cookie = this.#cookie
    this.#cookie = undefined
    return cookie
  }

  /** Gives the lease back. A store that is away keeps nobody waiting: the lease runs out by itself. */
  letGo(): Promise<void> | undefined {
    const session = this.#session
    if (session?.lease === undefined) return undefined
    return this.#parts.sessions.release(session).catch((error: unknown) => {
      this.#parts.log.warn({ err: error }, 'a session lease could not be given back; it runs out within 10 s')
    })
  }

  #giveToken(session: Session): void {
    if (session.inherited) return
    const { tokens, tokenCookie } = this.#parts
    this.#cookie = tokenCookie.give(tokens.format(session.token, session.version), this.#request.https, session.lastsMs)
  }
}

export const isEmpty = ({ set, remove, rotate, subject, destroy, ifUnchanged }: Changes): boolean =>
  set.size === 0 && remove.size === 0 && rotate !== true && subject === undefined && destroy !== true && ifUnchanged === undefined

/** Both changes as one. Where they speak of the same entry, the later one counts. */
export function merge(a: Changes, b: Changes): Changes {
  if (isEmpty(a)) return b
  if (isEmpty(b)) return a
  const subject = b.subject === undefined ? a.subject : b.subject
  const set = new Map([...a.set, ...b.set])
  for (const name of b.remove) set.delete(name)
  const remove = new Set([...a.remove, ...b.remove])
  for (const name of b.set.keys()) remove.delete(name)
  return {
    set, remove,
    rotate: a.rotate === true || b.rotate === true, destroy: a.destroy === true || b.destroy === true,
    ...(subject === undefined ? {} : { subject }),
    ...(a.endIfLeft === undefined && b.endIfLeft === undefined ? {} : { endIfLeft: new Map([...(a.endIfLeft ?? []), ...(b.endIfLeft ?? [])]) }),
    ifUnchanged: a.ifUnchanged ?? b.ifUnchanged,
  }
}

function attempt<T>(settle: () => Promise<T> | T): Promise<T> | T {
  try {
    return settle()
  } catch (error) {
    return Promise.reject(error)
  }
}
