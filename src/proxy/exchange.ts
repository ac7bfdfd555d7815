/**
 * One request, top to bottom: sort it, open its session, inject, send it to the app, capture, commit, and only then let the
 * response out. Nothing here is asynchronous that need not be: a request without a session goes straight through.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Changes } from '../carrier/carrier.ts'
import { NO_CHANGES } from '../carrier/carrier.ts'
import { asUnstickError, type ErrorCode, UnstickError } from '../errors.ts'
import type { Peer } from '../http/forwarded.ts'
import { type SortedRequest, sortRequest, upstreamHeaders } from '../http/request-head.ts'
import { codedAnswer, sortResponse } from '../http/response-head.ts'
import { AddedTime } from './added-time.ts'
import { answer, logAnswer } from './answer.ts'
import { type Head, Held, isShort, type Read } from './held.ts'
import type { Parts } from './parts.ts'
import { Reply } from './reply.ts'
import { discardRest, Upload } from './upload.ts'
import type { Flow, ResponseSink } from './upstream-request.ts'
import { isEmpty, merge, Visit } from './visit.ts'
import { withholdCookies } from './withhold.ts'

/** How long the app may go on after its client has hung up, where what it leaves at its end counts. */
const LINGER_MS = 5_000

export class Exchange implements ResponseSink {
  /** The request's head was refused: what stands behind it on its connection may be anything, and must not be read as requests. */
  misframed = false
  readonly #parts: Parts
  readonly #incoming: IncomingMessage
  readonly #outgoing: ServerResponse
  readonly #reply: Reply
  /** Made when something may have to wait, which most requests never do. */
  #gone: AbortController | undefined
  readonly #added = new AddedTime()
  #visit: Visit | undefined
  #opening: Promise<void> | undefined
  #committing: Promise<unknown> | undefined
  #flow: Flow | undefined
  #held: Held | undefined
  #upload: Upload | undefined
  #linger: NodeJS.Timeout | undefined
  #unwatch: (() => void) | undefined
  #failed = false
  #over = false
  /** The client's side, and ours: what it still has to write, and its lease. */
  #sidesOpen = 2
  readonly #onGone: () => void

  /** `onGone`: the client has its answer or has hung up, and everything is committed and given back. */
  constructor(parts: Parts, incoming: IncomingMessage, outgoing: ServerResponse, onGone: () => void) {
    this.#parts = parts
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.#onGone = onGone
    this.#reply = new Reply(outgoing, parts.upstreamTimeoutMs, parts.headerKind)
    outgoing.once('close', () => this.#onClosed())
  }

  /** Sorting, and so `misframed`, is done when this returns its promise. */
  async run(peer: Peer): Promise<void> {
    try {
      this.misframed = true
      const request = sortRequest(this.#incoming, peer, this.#parts.sorter, this.#parts.headerKind)
      this.misframed = false
      if (request.ignoredForwarding) this.#parts.warnings.forwardingIgnored(peer.address)
      const route = this.#parts.routes.match(request.head.method, request.head.path)
      if (route.session) {
        const visit = new Visit(this.#parts, request, route)
        this.#visit = visit
        this.#opening = visit.begin(() => this.#goneSignal())
        if (this.#opening !== undefined) await this.#opening
        this.#reply.withhold(visit.stripped)
      }
      this.#forward(request)
    } catch (error) {
      await this.#fail(asUnstickError(error, 'internal', 'The request could not be handled, by a fault in unstick.'))
    }
  }

  #goneSignal(): AbortSignal {
    this.#gone ??= new AbortController()
    if (this.#reply.gone) this.#gone.abort()
    return this.#gone.signal
  }

  #forward(request: SortedRequest): void {
    // Answered or hung up already, while its session was still being opened.
    if (this.#failed) return undefined
    if (!request.hasBody) return this.#send(request)
    this.#upload = new Upload(this.#incoming, this.#parts.upstreamTimeoutMs, this.#visit?.requestBody)
    return this.#upload.whenReady(() => this.#send(request))
  }

  #send(request: SortedRequest): void {
    const { method, target } = request.head
    this.#added.stop()
    this.#parts.upstream.send({ method, target, headers: upstreamHeaders(request), body: this.#upload ?? null }, this)
  }

  /** Whether some of the request is still to come. */
  get uploading(): boolean {
    return !this.#incoming.complete
  }

  /** Whether all of its answer is with the connection: what is written there now comes behind it. */
  get answered(): boolean {
    const { writableEnded, writableFinished, socket } = this.#outgoing
    return writableFinished || (writableEnded && socket !== null)
  }

  /** Ends it now, from outside: with `error` as its answer if none has begun, else by cutting the connection. Resolves when that is said. */
  async refuse(error: UnstickError): Promise<void> {
    // It waits for nothing any more.
    this.#gone?.abort()
    await this.#fail(error)
  }

  // What follows is called by the upstream, in this order.

  onSent(flow: Flow): boolean {
    // Answered or hung up while it waited for a connection: the app must not act on what nobody wants any more.
    if (this.#failed || this.#reply.gone) return false
    this.#flow = flow
    this.#reply.attach(flow)
    return true
  }

  onInformation(status: number, raw: readonly Buffer[]): void {
    this.#reply.information(status, raw)
  }

  onHead(status: number, reason: string, raw: readonly Buffer[]): void {
    this.#added.resume()
    const { headers, contentLength, hasSetCookie, isEventStream, withheld, coded } = sortResponse(raw, this.#parts.headerKind)
    if (coded) return this.onFailure(codedAnswer())
    const response = { status, headers, withheld }
    const visit = this.#visit
    if (hasSetCookie) withholdCookies(this.#parts, response, visit !== undefined)
    const captured = visit === undefined ? NO_CHANGES : visit.capture(response)
    const reading = visit?.reading(response)
    const atEnd = visit?.commitsAtEnd === true && isShort(this.#incoming.method, status, contentLength)
    const head = { status, reason, response, contentLength, isEventStream }
    if (!atEnd && reading === undefined && isEmpty(captured)) return this.#sendHead(head)
    this.#held = new Held(head, { captured, atEnd, reading })
    return this.#held.whole ? undefined : this.#commitHead(this.#held)
  }

  onData(chunk: Buffer): void {
    const held = this.#held
    if (held === undefined) this.#reply.data(chunk)
    else if (!held.add(chunk)) this.#commitHead(held)
  }

  onEnd(trailers: readonly Buffer[]): void {
    const held = this.#held
    if (held === undefined) return this.#finish(trailers)
    held.trailers = trailers
    return held.whole ? this.#finishHeld(held) : undefined
  }

  onFailure(error: UnstickError): void {
    void this.#fail(error)
  }

  /** Commits before the head goes out: whatever the client sees, any replica knows. */
  #commitHead(held: Held): void {
    this.#flow?.pause()
    this.#committing = this.#commit(held.captured, held.read(), NO_CHANGES, false)
    this.#committing.then(() => this.#release(), (error: unknown) => this.#giveUp(error)).catch((error: unknown) => this.#giveUp(error))
  }

  async #commit(captured: Changes, read: Promise<Read> | undefined, left: Promise<Changes> | Changes, last: boolean): Promise<Read | undefined> {
    const [found, settled] = await Promise.all([read, left])
    await this.#visit?.commit(merge(merge(captured, found?.changes ?? NO_CHANGES), settled), last)
    return found
  }

  /** The head may go, and what has come behind it. */
  #release(): void {
    const held = this.#held
    if (held === undefined) return undefined
    this.#held = undefined
    this.#sendHead(held.head)
    for (const chunk of held.chunks) this.#reply.data(chunk)
    return held.trailers === undefined ? this.#flow?.resume() : this.#finish(held.trailers)
  }

  #sendHead({ status, reason, response, contentLength, isEventStream }: Head): void {
    this.#visit?.announce(response)
    if (this.#parts.draining()) response.headers.push('Connection', 'close')
    this.#added.stop()
    this.#reply.head(status, reason, response.headers, contentLength)
    if (this.#reply.gone) this.#afterHangUp()
    else if (isEventStream) this.#unwatch = this.#visit?.watch(() => void this.#fail(new UnstickError('session_ended', 'The session of this event stream has ended.')))
  }

  /** A response, whole in hand: one commit for all of it, then everything goes out in one write. */
  #finishHeld(held: Held): void {
    this.#held = undefined
    this.#settled(held.captured, held.read(), (read) => {
      const { head, chunks, trailers } = read ?? held
      this.#sendHead(head)
      for (const chunk of chunks) this.#reply.data(chunk)
      this.#reply.end(trailers ?? [])
    })
  }

  /** The app is done. What it left behind is committed before the end of the response is let go. */
  #finish(trailers: readonly Buffer[]): void {
    this.#settled(NO_CHANGES, undefined, () => this.#reply.end(trailers))
  }

  #settled(captured: Changes, read: Promise<Read> | undefined, end: (read?: Read) => void): void {
    const visit = this.#visit
    const left = visit === undefined ? NO_CHANGES : visit.settle('complete')
    const finish = (found?: Read): void => { end(found); this.#close(undefined) }
    if (read === undefined && !(left instanceof Promise) && isEmpty(merge(captured, left))) return finish()
    const committing = this.#commit(captured, read, left, true)
    this.#committing = committing
    return void committing.then(finish).catch((error: unknown) => this.#giveUp(error))
  }

  #giveUp(error: unknown): void {
    void this.#fail(asUnstickError(error, 'upstream_broke', 'The app\'s answer could not be passed on.'))
  }

  /** Ends in an error: as an answer while nothing has gone out, else by cutting the connection. */
  async #fail(error: UnstickError): Promise<void> {
    // The first reason is the one that counts: giving up makes the app's side fail too.
    if (this.#over || this.#failed) return
    this.#failed = true
    const captured = this.#held?.whole === true ? this.#held.captured : NO_CHANGES
    this.#held = undefined
    this.#flow?.abort()
    // What is being opened or written must be there before it can be let go of. Its own failure is told where it is started.
    const [, committed] = await Promise.allSettled([this.#opening, this.#committing])
    // What was being written was all that was missing, and has let the end out.
    if (this.#over) return
    await this.#visit?.saveWhatIsLeft(this.#flow === undefined ? 'unsent' : 'broken', captured, committed.status === 'rejected')
    if (!this.#reply.gone) {
      logAnswer(this.#parts.log, this.#incoming, error, this.#reply.headSent)
      if (this.#reply.headSent) this.#reply.abort()
      // Our own answer also hands out the token: what was committed is there, and the client must be able to reach it.
      else answer(this.#outgoing, error, { close: this.misframed || error.code === 'bad_request' || this.#parts.draining(), cookie: this.#visit?.takeCookie() })
    }
    this.#close(error.code)
  }

  #onClosed(): void {
    if (!this.#over && !this.#outgoing.writableFinished) {
      this.#gone?.abort()
      this.#reply.abandon()
      if (this.#visit !== undefined) this.#visit.clientGone = true
      this.#afterHangUp()
    }
    this.#leave()
  }

  /** The client is gone. What its session would lose is waited for; anything else stops at once. */
  #afterHangUp(): void {
    const visit = this.#visit
    if (this.#flow === undefined) void this.#fail(new UnstickError('bad_request', 'The client hung up before its request was sent on.'))
    else if (visit?.hasSession !== true) this.#flow.abort()
    else if (visit.commitsAtEnd) this.#linger ??= setTimeout(() => this.#flow?.abort(), LINGER_MS)
    else if (this.#reply.headSent) this.#flow.abort()
  }

  /** The last thing that happens to every exchange, once. */
  #close(code: ErrorCode | undefined): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#linger)
    this.#unwatch?.()
    const released = this.#visit?.letGo()
    if (released === undefined) this.#leave()
    else void released.then(() => this.#leave())
    // Undici leaves the body of a request that it could not send as it is.
    this.#upload?.destroy()
    if (!this.#incoming.complete) discardRest(this.#incoming)
    // What a hang-up looks like from the app's side is no error of the app's.
    if (this.#reply.gone) this.#parts.telemetry.request(0, undefined, this.#added.seconds)
    else this.#parts.telemetry.request(this.#outgoing.statusCode, code, this.#added.seconds)
  }

  #leave(): void {
    this.#sidesOpen -= 1
    if (this.#sidesOpen === 0) this.#onGone()
  }
}
