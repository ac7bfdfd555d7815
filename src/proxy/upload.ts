/**
 * A request's body on its way to the app. Undici destroys the stream it is given when an upstream fails or answers early; if that
 * were the request itself, the client's connection would go with it, and the answer too.
 */
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import type { BodyCopy } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'

/** How long the head of a request is kept for the first byte of its body to come after it. */
const BEGIN_MS: Millis = 200

export class Upload extends Readable {
  /** Framed in chunks: its length is not known, and there may be trailers behind it. */
  readonly chunked: boolean
  /** The client waits for the app's "100 Continue", for a while (RFC 9110 10.1.1). Over HTTP/1.0 that means nothing. */
  readonly expects: boolean
  readonly #request: IncomingMessage
  readonly #idle: NodeJS.Timeout
  #begun = false
  #invited = false
  #beginning: { readonly timer: NodeJS.Timeout; readonly ready: () => void } | undefined
  /** It is the client's turn: not while the request waits for a connection, or the app does not keep up. */
  #awaited = false

  /** `idleMs`: the longest time without a byte from the client, while the app takes any. What bounds the app is the upstream's timeouts. `copy`: sees what passes, on its way. */
  constructor(request: IncomingMessage, idleMs: Millis, copy?: BodyCopy) {
    super()
    this.#request = request
    this.chunked = request.headers['transfer-encoding'] !== undefined
    this.expects = request.httpVersionMinor > 0 && request.headers.expect?.toLowerCase() === '100-continue'
    // It is listened for only while it is sent. Before and after, an error here has nobody to tell and nothing to break.
    this.on('error', () => undefined)
    // It may go off unheeded: `refresh` starts it again.
    this.#idle = setTimeout(() => {
      if (this.#awaited && !this.isUninvited) this.destroy(new UnstickError('bad_request', `The request body stopped arriving for ${idleMs} ms.`))
    }, idleMs)
    request.on('data', (chunk: Buffer) => {
      copy?.add(chunk)
      this.#awaited = this.push(chunk)
      if (this.#awaited) this.#idle.refresh()
      else request.pause()
      this.#begin()
    })
    request.once('end', () => {
      copy?.end()
      this.#awaited = false
      this.push(null)
      this.#begin()
    })
    request.once('error', (error) => this.destroy(error))
    request.once('close', () => {
      if (!request.complete) this.destroy(new UnstickError('bad_request', 'The client hung up before its request was whole.'))
    })
  }

  /** Whether some of it is here, or its end. */
  get begun(): boolean {
    return this.#begun
  }

  /** Whether its client waits for the app to say "100 Continue", which it has not. */
  get isUninvited(): boolean {
    return this.expects && !this.#begun && !this.#invited
  }

  /** The app has said "100 Continue". From here on it is the client's turn. */
  invite(): void {
    this.#invited = true
    this.#idle.refresh()
  }

  /** Names and values in turn; all of them when it has ended. */
  get trailers(): readonly string[] {
    return this.#request.rawTrailers
  }

  /** Calls back when it is known how to send it: once it has begun, or does not for a while. What is chunked or expects something is not waited for. */
  whenReady(ready: () => void): void {
    if (this.#begun || this.chunked || this.expects) ready()
    else this.#beginning = { ready, timer: setTimeout(() => this.#settle(), BEGIN_MS) }
  }

  #begin(): void {
    this.#begun = true
    this.#settle()
  }

  #settle(): void {
    const beginning = this.#beginning
    if (beginning === undefined) return
    this.#beginning = undefined
    clearTimeout(beginning.timer)
    beginning.ready()
  }

  override _read(): void {
    this.#awaited = true
    this.#idle.refresh()
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#idle)
    clearTimeout(this.#beginning?.timer)
    // What is left of the body is read and thrown away, so that the connection can carry the answer and the next request.
    if (!this.#request.readableEnded) this.#request.removeAllListeners('data').resume()
    callback(error)
  }
}

/** How long the rest of a request is read after its answer is out. */
const DISCARD_MS = 5_000

/** After an answer to an unfinished upload: the client gets some time to stop sending, then the connection goes. */
export function discardRest(request: IncomingMessage): void {
  const { socket } = request
  const timer = setTimeout(() => socket.destroy(), DISCARD_MS)
  request.once('close', () => clearTimeout(timer))
  request.resume()
}
