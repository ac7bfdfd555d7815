/**
 * A request's body on its way to the app. Undici destroys the stream it is given when an upstream fails or answers early; if that
 * were the request itself, the client's connection would go with it, and the answer too.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'

export interface UploadOptions {
  /** The longest time without a byte from the client, while the app takes any. What bounds the app is undici's timeouts. */
  readonly idleMs: Millis
  /** Called when the app is ready for the body: the moment for "100 Continue". */
  readonly onWanted?: () => void
}

export class Upload extends Readable {
  readonly #request: IncomingMessage
  readonly #idle: NodeJS.Timeout
  #onWanted: (() => void) | undefined
  /** It is the client's turn: not while the request waits for a connection, or the app does not keep up. */
  #awaited = false

  constructor(request: IncomingMessage, options: UploadOptions) {
    super()
    this.#request = request
    this.#onWanted = options.onWanted
    // Undici listens only while it sends. Before and after, an error here has nobody to tell and nothing to break.
    this.on('error', () => undefined)
    // It may go off unheeded: `refresh` starts it again.
    this.#idle = setTimeout(() => {
      if (this.#awaited) this.destroy(new UnstickError('bad_request', `The request body stopped arriving for ${options.idleMs} ms.`))
    }, options.idleMs)
    request.on('data', (chunk: Buffer) => {
      this.#awaited = this.push(chunk)
      if (this.#awaited) this.#idle.refresh()
      else request.pause()
    })
    request.once('end', () => {
      this.#awaited = false
      this.push(null)
    })
    request.once('error', (error) => this.destroy(error))
    request.once('close', () => {
      if (!request.complete) this.destroy(new UnstickError('bad_request', 'The client hung up before its request was whole.'))
    })
    request.pause()
  }

  /** "100 Continue" (RFC 9110 10.1.1) goes out when the app is there to take the body, not before. */
  static of(request: IncomingMessage, response: ServerResponse, idleMs: Millis): Upload {
    const expects = request.httpVersionMinor > 0 && request.headers.expect?.toLowerCase() === '100-continue'
    return new Upload(request, { idleMs, ...(expects ? { onWanted: () => { if (!response.headersSent && !response.destroyed) response.writeContinue() } } : {}) })
  }

  override _read(): void {
    this.#onWanted?.()
    this.#onWanted = undefined
    this.#awaited = true
    this.#idle.refresh()
    this.#request.resume()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#idle)
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
