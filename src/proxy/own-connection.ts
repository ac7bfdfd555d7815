/**
 * Requests that undici cannot carry as they came, each over a connection of its own, by Node's client: chunked bodies, because undici sends no
 * trailers behind them; `Expect: 100-continue`, because it knows no 100; bodies that have not begun, because it sends the head together with the
 * first byte; and `OPTIONS *`. Connections are not kept: such requests are rare, and nothing that an app says out of turn can reach the next one.
 */
import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as TlsAgent, request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { HeaderKindOf } from '../http/header-names.ts'
import { BODY_IDLE_FACTOR, CONNECT_MS, type OutgoingRequest, type ResponseSink, type UpstreamOptions } from './upstream-request.ts'
import type { Upload } from './upload.ts'

export class OwnConnections {
  readonly #options: UpstreamOptions
  readonly #agent: Agent
  readonly #tls: boolean

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#tls = options.origin.startsWith('https:')
    this.#agent = new (this.#tls ? TlsAgent : Agent)({ keepAlive: false })
  }

  /** Sends one request, once. `done`: it is over, and the last call to the sink comes next. */
  send({ method, target, headers, body }: OutgoingRequest, sink: ResponseSink, done: () => void): void {
    const { origin, socketPath, timeoutMs, maxHeaderBytes, headerKind } = this.#options
    const own = ['Connection', 'close', ...(body?.chunked === true ? ['Transfer-Encoding', 'chunked'] : []), ...(body?.expects === true ? ['Expect', '100-continue'] : [])]
    let outgoing: ClientRequest
    try {
      outgoing = (this.#tls ? httpsRequest : httpRequest)(origin, {
        method, path: target, headers: [...headers, ...own], setHost: false,
        agent: this.#agent, maxHeaderSize: maxHeaderBytes, ...(socketPath === undefined ? {} : { socketPath }),
      })
    } catch (error) {
      done()
      sink.onFailure(new UnstickError('bad_request', 'The request cannot be passed on: its target or a header is malformed.', { cause: error }))
      return
    }
    // The limit is on bytes.
    outgoing.maxHeadersCount = 0
    new Passage(outgoing, body, { sink, done, timeoutMs, headerKind }).begin()
  }

  /** Whatever is still on its way fails. */
  close(): void {
    this.#agent.destroy()
  }
}

/** One request out, one response in. */
class Passage {
  readonly #outgoing: ClientRequest
  readonly #body: Upload | null
  readonly #sink: ResponseSink
  readonly #done: () => void
  readonly #timeoutMs: Millis
  readonly #headerKind: HeaderKindOf
  #timer: NodeJS.Timeout | undefined
  #response: IncomingMessage | undefined
  #sent = false
  #bodyEnded = false
  #over = false

  constructor(outgoing: ClientRequest, body: Upload | null, to: { sink: ResponseSink; done: () => void; timeoutMs: Millis; headerKind: HeaderKindOf }) {
    this.#outgoing = outgoing
    this.#body = body
    this.#sink = to.sink
    this.#done = to.done
    this.#timeoutMs = to.timeoutMs
    this.#headerKind = to.headerKind
  }

  begin(): void {
    this.#outgoing
      // An answer that is whole may still wait to be read when its connection breaks or closes. One that is not tells so itself when it is closed.
      .on('error', (error: NodeJS.ErrnoException) => { if (this.#response?.complete !== true) this.#fail(this.#explain(error)) })
      .once('close', () => { if (this.#response === undefined) this.#fail(this.#explain(new Error('closed'))) })
      .once('socket', (socket) => this.#connect(socket))
      .on('continue', () => this.#inform(100, []))
      .on('information', ({ statusCode, rawHeaders }) => { if (statusCode !== 100) this.#inform(statusCode, rawHeaders) })
      .once('upgrade', (_response, socket) => {
        socket.destroy()
        this.#fail(new UnstickError('upstream_broke', 'The app switched protocols, which nobody asked for.'))
      })
      .once('response', (response) => this.#receive(response))
  }

  #connect(socket: Socket): void {
    this.#within(Math.min(this.#timeoutMs, CONNECT_MS), () => new UnstickError('upstream_unreachable', 'The app does not accept connections. Is it running, and is "upstream" right?'))
    socket.setNoDelay(true)
    // Node flushes a head without a body in the socket's default, which would make two bytes of each beyond ASCII.
    socket.setDefaultEncoding('latin1')
    socket.once('encrypted' in socket ? 'secureConnect' : 'connect', () => this.#send())
  }

  #send(): void {
    if (this.#over) return
    const wanted = this.#sink.onSent({
      pause: () => { this.#response?.pause() },
      resume: () => { this.#response?.resume() },
      abort: () => { this.#fail(new UnstickError('upstream_broke', 'Given up by the sidecar.')) },
    })
    if (!wanted) {
      this.#fail(new UnstickError('bad_request', 'Given up while waiting for a connection.'))
      return
    }
    this.#sent = true
    this.#within(this.#timeoutMs, () => (this.#isClientsTurn ? undefined : new UnstickError('upstream_timeout', 'The app did not answer within limits.upstreamTimeout.')))
    if (this.#body === null) this.#outgoing.end()
    else this.#pass(this.#body)
  }

  /** Its head is with the app, and the app has room for more of its body. Not while an expectation is still to be met: that is the app's to do. */
  get #isClientsTurn(): boolean {
    return this.#body !== null && !this.#bodyEnded && !this.#body.isUninvited && !this.#outgoing.writableNeedDrain
  }

  #pass(body: Upload): void {
    if (body.errored !== null) {
      this.#fail(this.#explain(body.errored))
      return
    }
    this.#outgoing.flushHeaders()
    body.on('data', (chunk: Buffer) => {
      this.#timer?.refresh()
      if (!this.#outgoing.write(chunk)) body.pause()
    })
    this.#outgoing.on('drain', () => {
      this.#timer?.refresh()
      body.resume()
    })
    body.once('end', () => {
      this.#timer?.refresh()
      this.#bodyEnded = true
      if (body.chunked) this.#outgoing.addTrailers(passable(body.trailers, this.#headerKind))
      this.#outgoing.end()
    })
    body.once('error', (error) => this.#fail(this.#explain(error)))
  }

  #inform(status: number, rawHeaders: readonly string[]): void {
    if (this.#over) return
    this.#timer?.refresh()
    if (status === 100) this.#body?.invite()
    this.#sink.onInformation(status, bytes(rawHeaders))
  }

  #receive(response: IncomingMessage): void {
    if (this.#over) {
      response.destroy()
      return
    }
    this.#response = response
    this.#within(this.#timeoutMs * BODY_IDLE_FACTOR, () => (response.isPaused() ? undefined : new UnstickError('upstream_timeout', 'The app stopped in the middle of its answer.')))
    // Node takes a reset in a body that ends with its connection for that end. This listener comes before its own.
    response.socket.prependListener('error', (error) => { if (!response.complete) response.destroy(error) })
    response.on('error', (error) => this.#fail(this.#explain(error)))
    response.once('close', () => this.#fail(this.#explain(new Error('closed'))))
    response.on('data', (chunk: Buffer) => {
      this.#timer?.refresh()
      if (!this.#over) this.#sink.onData(chunk)
    })
    response.once('end', () => {
      if (this.#over) return
      this.#finish()
      this.#sink.onEnd(bytes(response.rawTrailers))
    })
    this.#sink.onHead(response.statusCode ?? 502, asUtf8(response.statusMessage), bytes(response.rawHeaders))
  }

  /** What comes after `ms` without a refresh. `expired`: undefined where it is not the app that is waited for. */
  #within(ms: Millis, expired: () => UnstickError | undefined): void {
    clearTimeout(this.#timer)
    if (this.#over) return
    this.#timer = setTimeout(() => {
      const error = expired()
      if (error === undefined) this.#timer?.refresh()
      else this.#fail(error)
    }, ms)
  }

  #fail(error: UnstickError): void {
    if (this.#over) return
    this.#finish()
    this.#sink.onFailure(error)
  }

  /** Also when the app has answered what was not sent whole: the rest would be of no use to it. */
  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
    this.#outgoing.destroy()
    this.#done()
  }

  #explain(error: NodeJS.ErrnoException): UnstickError {
    if (error instanceof UnstickError) return error
    if (!this.#sent) return new UnstickError('upstream_unreachable', 'The app cannot be reached. Is it running, and is "upstream" right?', { cause: error })
    if (error.code === 'HPE_HEADER_OVERFLOW') return new UnstickError('upstream_broke', 'The header of the app\'s answer is larger than limits.header and limits.entry allow together.', { cause: error })
    return new UnstickError('upstream_broke', 'The app closed the connection before its answer was whole. The request may have been carried out.', { cause: error })
  }
}

/** What an app may take for a header must not come in by the back door (RFC 9110 6.5.1). */
function passable(trailers: readonly string[], headerKind: HeaderKindOf): [string, string][] {
  const pairs: [string, string][] = []
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i] ?? ''
    if (headerKind(name) === 'plain') pairs.push([name, trailers[i + 1] ?? ''])
  }
  return pairs
}

const bytes = (texts: readonly string[]): Buffer[] => texts.map((text) => Buffer.from(text, 'latin1'))

/** As the sink expects a reason phrase; Node reads it as Latin-1. */
const asUtf8 = (reason: string | undefined): string => Buffer.from(reason ?? '', 'latin1').toString('utf8')
