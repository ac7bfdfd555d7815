/**
 * The response on its way to the client: one write for the head and a small body, back-pressure onto the app, and the
 * last bytes in hand until the exchange says that they may go.
 */
import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { Millis } from '../clock.ts'
import type { HeaderKindOf } from '../http/header-names.ts'
import type { RawHeaders } from '../http/message.ts'
import { sendInterim } from './interim.ts'
import type { Flow } from './upstream-request.ts'

/** Above this, copying costs more than a second piece in the write. */
const ONE_WRITE_BYTES = 8 * 1024

export class Reply {
  readonly #response: ServerResponse
  readonly #stallMs: Millis
  readonly #headerKind: HeaderKindOf
  #stripped: ReadonlySet<string> | undefined
  #flow: Flow | undefined
  #expected: number | undefined
  #passed = 0
  #last: Buffer | undefined
  #stalled: NodeJS.Timeout | undefined
  #headSent = false
  /** The client hung up: nothing that is said here reaches anybody. */
  gone = false

  /** `stallMs`: how long a client may leave its answer unread. */
  constructor(response: ServerResponse, stallMs: Millis, headerKind: HeaderKindOf) {
    this.#response = response
    this.#stallMs = stallMs
    this.#headerKind = headerKind
    // The app's Date passes as it came; where it sent none, none is made up.
    response.sendDate = false
  }

  get headSent(): boolean {
    return this.#headSent
  }

  /** Where the bytes come from: paused while the client does not keep up. */
  attach(flow: Flow): void {
    this.#flow = flow
  }

  /** Names, in lower case, that are not passed on in interim answers and trailers. */
  withhold(names: ReadonlySet<string> | undefined): void {
    this.#stripped = names
  }

  /** Of an interim answer or of trailers, what the client may have. */
  #passable(raw: readonly Buffer[]): [string, string][] {
    const list: [string, string][] = []
    for (let i = 0; i < raw.length; i += 2) {
      const name = (raw[i] ?? '').toString('latin1')
      if (this.#headerKind(name) === 'plain' && this.#stripped?.has(name.toLowerCase()) !== true) list.push([name, (raw[i + 1] ?? '').toString('latin1')])
    }
    return list
  }

  /** An interim answer. HTTP/1.0 knows none (RFC 9110 15.2). */
  information(status: number, raw: readonly Buffer[]): void {
    if (this.gone || this.#headSent || this.#response.req.httpVersionMinor === 0) return
    if (status === 100) {
      this.#response.writeContinue()
      return
    }
    try {
      sendInterim(this.#response, status, this.#passable(raw))
    } catch {
      // A header that Node will not write. What is said in the interim may be left out; the answer still comes.
    }
  }

  /** Whether the body's end can be marked by chunks, so that there may be trailers behind it. */
  #chunks(status: number, contentLength: number | undefined): boolean {
    const { method, httpVersionMinor } = this.#response.req
    return contentLength === undefined && httpVersionMinor > 0 && method !== 'HEAD' && status !== 204 && status !== 304
  }

  /** `contentLength`: as declared; undefined where the end is marked otherwise. */
  head(status: number, reason: string, headers: RawHeaders, contentLength: number | undefined): void {
    if (!this.gone) {
      this.#expected = contentLength
      // Node does not announce trailers that it has no way to send.
      const sent = headers.some(isTrailer) && !this.#chunks(status, contentLength) ? withoutTrailer(headers) : headers
      this.#response.writeHead(status, onTheWire(reason), sent)
    }
    // Not before: a head that Node refuses to write is answered with an error.
    this.#headSent = true
    if (this.gone) return
    // With data or the end in the same turn there is one write for all; without, the head must not wait for them.
    process.nextTick(() => {
      if (!this.gone && !this.#response.writableEnded && this.#passed === 0) this.#response.flushHeaders()
    })
  }

  data(chunk: Buffer): void {
    if (this.gone) return
    if (this.#last !== undefined) {
      this.#write(this.#last)
      this.#last = undefined
    }
    const complete = this.#expected !== undefined && this.#passed + chunk.length >= this.#expected
    if (complete) this.#last = chunk
    else this.#write(chunk)
  }

  end(trailers: readonly Buffer[]): void {
    clearTimeout(this.#stalled)
    if (this.gone) return
    if (trailers.length > 0) this.#response.addTrailers(this.#passable(trailers))
    const last = this.#last
    if (last === undefined) this.#response.end()
    // As a string, Node puts a small body into the same write as the head; a buffer would go beside it.
    else if (this.#passed === 0 && last.length <= ONE_WRITE_BYTES) this.#response.end(last.toString('latin1'), 'latin1')
    else this.#response.end(last)
  }

  /** A truncated answer must not pass for a whole one: the connection goes. */
  abort(): void {
    clearTimeout(this.#stalled)
    if (this.gone) return
    const { socket } = this.#response
    // Where the body's end is the connection's end, an ordinary one would say that all is well (RFC 9112 8).
    if (this.#expected === undefined && !this.#response.chunkedEncoding && socket instanceof Socket && socket.remoteAddress !== undefined) socket.resetAndDestroy()
    this.#response.destroy()
  }

  /** The client hung up. What still comes from the app is let through, to nowhere. */
  abandon(): void {
    this.gone = true
    clearTimeout(this.#stalled)
    this.#last = undefined
    this.#flow?.resume()
  }

  #write(chunk: Buffer): void {
    this.#passed += chunk.length
    if (this.#response.write(chunk) || this.#stalled !== undefined) return
    this.#flow?.pause()
    this.#stalled = setTimeout(() => this.abort(), this.#stallMs)
    this.#response.once('drain', () => {
      clearTimeout(this.#stalled)
      this.#stalled = undefined
      this.#flow?.resume()
    })
  }
}

const isTrailer = (text: string, i: number): boolean => text.length === 7 && i % 2 === 0 && text.toLowerCase() === 'trailer'

const withoutTrailer = (headers: RawHeaders): RawHeaders => headers.filter((_, i, all) => !isTrailer(all[i - (i % 2)] ?? '', 0))

/** Undici reads a reason phrase as UTF-8, and Node writes it as Latin-1. What was neither ASCII nor UTF-8 is lost by then. */
function onTheWire(reason: string): string {
  if (/^[\t\u0020-\u007e]*$/.test(reason)) return reason
  return reason.includes('\ufffd') ? '' : Buffer.from(reason, 'utf8').toString('latin1')
}
