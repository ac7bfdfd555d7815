/** The app, behind undici's pool: one request out, one response in, with raw headers and real back-pressure. */
import { buildConnector, type Dispatcher, Pool } from 'undici'
import { UnstickError } from '../errors.ts'
import { OwnConnections } from './own-connection.ts'
import { BODY_IDLE_FACTOR, CONNECT_MS, type OutgoingRequest, type ResponseSink, type UpstreamOptions } from './upstream-request.ts'

export class Upstream {
  readonly #pool: Pool
  readonly #own: OwnConnections
  readonly #options: UpstreamOptions
  #inFlight = 0
  /** Undici's own queue has no limit in time, and knows nothing of the other connections. */
  readonly #line = new Set<{ readonly go: () => void; readonly fail: (error: UnstickError) => void }>()

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#own = new OwnConnections(options)
    this.#pool = new Pool(options.origin, {
      connections: options.connections,
      pipelining: 1,
      allowH2: false,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs * BODY_IDLE_FACTOR,
      connect: connector({ timeout: Math.min(options.timeoutMs, CONNECT_MS), ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }) }),
      // Shorter than the keep-alive of common servers (Node 5 s, Apache 5 s), so that the app rarely closes a connection
      // that a request is just going out on: such a request cannot be repeated.
      keepAliveTimeout: 4_000,
      maxHeaderSize: options.maxHeaderBytes,
    })
  }

  /** Requests that the app is at work on, and those that wait for a connection. */
  get inFlight(): number {
    return this.#inFlight + this.#line.size
  }

  get maxHeaderBytes(): number {
    return this.#options.maxHeaderBytes
  }

  /**
   * Sends one request, when it is its turn: as many are on their way at a time as there may be connections. Never repeats it: what the app may
   * have seen it must not see twice.
   */
  send(request: OutgoingRequest, sink: ResponseSink): void {
    if (this.#inFlight < this.#options.connections) this.#go(request, sink)
    else this.#standInLine(request, sink)
  }

  #standInLine(request: OutgoingRequest, sink: ResponseSink): void {
    const { timeoutMs } = this.#options
    const leave = (): void => {
      clearTimeout(timer)
      this.#line.delete(place)
    }
    const place = {
      go: () => { leave(); this.#go(request, sink) },
      fail: (error: UnstickError) => { leave(); sink.onFailure(error) },
    }
    const timer = setTimeout(() => {
      place.fail(new UnstickError('upstream_timeout', `All connections to the app were busy for ${timeoutMs} ms. Raise limits.upstreamConnections, or see why the app is slow.`))
    }, timeoutMs)
    this.#line.add(place)
  }

  #go(request: OutgoingRequest, sink: ResponseSink): void {
    const { method, target, headers, body } = request
    this.#inFlight += 1
    const done = (): void => { this.#next() }
    if (target === '*' || (body !== null && (body.chunked || body.expects || !body.begun))) this.#own.send(request, sink, done)
    // Undici closes the connection after a HEAD. That must stay so: a body that a broken app sends to one would be somebody else's answer.
    else this.#pool.dispatch({ method, path: target, headers, body }, new Handler(sink, done))
  }

  #next(): void {
    this.#inFlight -= 1
    const [first] = this.#line
    first?.go()
  }

  async close(): Promise<void> {
    for (const place of this.#line) place.fail(new UnstickError('draining', 'This sidecar is shutting down. Try again.'))
    this.#own.close()
    await this.#pool.destroy()
  }
}

/**
 * Undici takes a reset in a body that ends with its connection for that end: a truncated answer would pass for a whole one. So
 * it gets to see another code; this listener comes before its own.
 */
function connector(options: buildConnector.BuildOptions): buildConnector.connector {
  const connect = buildConnector({ ...options, allowH2: false })
  return (target, callback) => connect(target, (...[error, socket]) => {
    if (error !== null) {
      callback(error, null)
      return
    }
    socket.on('error', (fault: NodeJS.ErrnoException) => { if (fault.code === 'ECONNRESET') fault.code = 'UNSTICK_UPSTREAM_RESET' })
    callback(null, socket)
  })
}

class Handler implements Dispatcher.DispatchHandler {
  readonly #sink: ResponseSink
  readonly #done: () => void
  #sent = false
  #over = false

  constructor(sink: ResponseSink, done: () => void) {
    this.#sink = sink
    this.#done = done
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    const wanted = !this.#over && this.#sink.onSent({
      pause: () => controller.pause(),
      resume: () => controller.resume(),
      abort: () => controller.abort(new Error('given up by the sidecar')),
    })
    // Thrown, undici leaves it out and keeps the connection for the next one; an abort here would close that.
    if (!wanted) throw new Error('given up while waiting for a connection')
    this.#sent = true
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, _headers: unknown, reason?: string): void {
    const raw = rawBuffers(controller.rawHeaders)
    if (status < 200) this.#sink.onInformation(status, raw)
    else this.#sink.onHead(status, reason ?? '', raw)
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#sink.onData(chunk)
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    this.#finish()
    this.#sink.onEnd(rawBuffers(controller.rawTrailers))
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(explain(error, this.#sent))
  }

  #fail(error: UnstickError): void {
    if (this.#over) return
    this.#finish()
    this.#sink.onFailure(error)
  }

  #finish(): void {
    this.#over = true
    this.#done()
  }
}

/** HTTP/1.1 gives buffers; the other forms that undici's types allow belong to HTTP/2, which is off. */
function rawBuffers(raw: unknown): readonly Buffer[] {
  return Array.isArray(raw) ? (raw as Buffer[]) : []
}

/** undici's error in our terms: above all, whether the app can have seen the request. */
function explain(error: Error & { code?: string }, sent: boolean): UnstickError {
  if (error instanceof UnstickError) return error
  switch (error.code) {
    case 'UND_ERR_HEADERS_TIMEOUT':
      return new UnstickError('upstream_timeout', 'The app did not answer within limits.upstreamTimeout.', { cause: error })
    case 'UND_ERR_BODY_TIMEOUT':
      return new UnstickError('upstream_timeout', 'The app stopped in the middle of its answer.', { cause: error })
    case 'UND_ERR_INVALID_ARG':
    case 'UND_ERR_NOT_SUPPORTED':
    case 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH':
      return new UnstickError('bad_request', 'The request cannot be passed on: its target, a header or its length is malformed.', { cause: error })
    case 'UND_ERR_HEADERS_OVERFLOW':
      return new UnstickError('upstream_broke', 'The header of the app\'s answer is larger than limits.header and limits.entry allow together.', { cause: error })
    default:
      return sent
        ? new UnstickError('upstream_broke', 'The app closed the connection before its answer was whole. The request may have been carried out.', { cause: error })
        : new UnstickError('upstream_unreachable', 'The app cannot be reached. Is it running, and is "upstream" right?', { cause: error })
  }
}
