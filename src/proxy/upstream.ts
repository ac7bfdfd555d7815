/** The app, behind undici's pool: one request out, one response in, with raw headers and real back-pressure. */
import { buildConnector, type Dispatcher, Pool } from 'undici'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { RawHeaders } from '../http/message.ts'
import type { Upload } from './upload.ts'

export interface UpstreamOptions {
  /** `http://host:port`, or `http://localhost` together with `socketPath`. */
  readonly origin: string
  readonly socketPath?: string
  readonly connections: number
  /** Until the response head is there, from the moment a connection is free; also the time for one to become free. */
  readonly timeoutMs: Millis
  /** Bytes of response header that are accepted: vaulted cookies may be far larger than a browser's limit. */
  readonly maxHeaderBytes: number
}

/** What came of sending, as it comes. The calls are in this order; after `onEnd` or `onFailure` there are no more. */
export interface ResponseSink {
  /** A connection is there and the request is about to go out: from here on the app may act on it. False: it is not wanted any more, and must not. */
  onSent(flow: Flow): boolean
  /** 1xx other than 100. */
  onInformation(status: number, raw: readonly Buffer[]): void
  onHead(status: number, reason: string, raw: readonly Buffer[]): void
  onData(chunk: Buffer): void
  onEnd(trailers: readonly Buffer[]): void
  onFailure(error: UnstickError): void
}

/** The response's tap. */
export interface Flow {
  pause(): void
  resume(): void
  abort(): void
}

/** A body that does not move for this long is given up. Longer than any keep-alive comment of an event stream. */
const BODY_IDLE_FACTOR = 10

export class Upstream {
  readonly #pool: Pool
  readonly #options: UpstreamOptions
  #inFlight = 0

  constructor(options: UpstreamOptions) {
    this.#options = options
    this.#pool = new Pool(options.origin, {
      connections: options.connections,
      pipelining: 1,
      allowH2: false,
      headersTimeout: options.timeoutMs,
      bodyTimeout: options.timeoutMs * BODY_IDLE_FACTOR,
      connect: connector({ timeout: Math.min(options.timeoutMs, 10_000), ...(options.socketPath === undefined ? {} : { socketPath: options.socketPath }) }),
      // Shorter than the keep-alive of common servers (Node 5 s, Apache 5 s), so that the app rarely closes a connection
      // that a request is just going out on: such a request cannot be repeated.
      keepAliveTimeout: 4_000,
      maxHeaderSize: options.maxHeaderBytes,
    })
  }

  get inFlight(): number {
    return this.#inFlight
  }

  get maxHeaderBytes(): number {
    return this.#options.maxHeaderBytes
  }

  /** Sends one request. Never repeats it: what the app may have seen it must not see twice. */
  send(request: { method: string; target: string; headers: RawHeaders; body: Upload | null }, sink: ResponseSink): void {
    const { method, target, headers, body } = request
    this.#inFlight += 1
    const handler = new Handler(sink, () => { this.#inFlight -= 1 })
    if (this.#inFlight > this.#options.connections) handler.waitAtMost(this.#options.timeoutMs)
    // Undici closes the connection after a HEAD. That must stay so: a body that a broken app sends to one would be somebody else's answer.
    this.#pool.dispatch({ method, path: target, headers, body }, handler)
  }

  async close(): Promise<void> {
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
  #queueTimer: NodeJS.Timeout | undefined

  constructor(sink: ResponseSink, done: () => void) {
    this.#sink = sink
    this.#done = done
  }

  /** All connections are busy: bounds the time in undici's queue, which has no limit of its own. */
  waitAtMost(ms: Millis): void {
    this.#queueTimer = setTimeout(() => {
      this.#fail(new UnstickError('upstream_timeout', `All connections to the app were busy for ${ms} ms. Raise limits.upstreamConnections, or see why the app is slow.`))
    }, ms)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    clearTimeout(this.#queueTimer)
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
    clearTimeout(this.#queueTimer)
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
