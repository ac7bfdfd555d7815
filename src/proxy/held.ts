/** A response whose head is not yet allowed out, and what has come of it. */
import type { BodyReading, Changes } from '../carrier/carrier.ts'
import type { ResponseHead } from '../http/message.ts'

/** A response of at most this many bytes is held back whole where its end must wait anyway: then its head can still say that it failed. */
const WHOLE_BYTES = 64 * 1024

/** The head of a response as the client will get it, once the token is announced. */
export interface Head {
  readonly status: number
  readonly reason: string
  readonly response: ResponseHead
  /** Declared length of the body, in bytes. */
  readonly contentLength: number | undefined
  readonly isEventStream: boolean
}

/** What keeps a response back. */
export interface Hold {
  /** What the head told of the session, and is not written yet. */
  readonly captured: Changes
  /** Its end must wait anyway, and is near: one commit for all of it. */
  readonly atEnd: boolean
  /** A carrier has to read bodies first. */
  readonly reading: BodyReading | undefined
}

export class Held {
  readonly head: Head
  readonly chunks: Buffer[] = []
  readonly captured: Changes
  readonly #reading: BodyReading | undefined
  /** The end has come, with these; undefined: not yet. */
  trailers: readonly Buffer[] | undefined
  /** How much is held back in wait for the end. 0: only the head waits. */
  #most: number
  #bytes = 0

  constructor(head: Head, { captured, atEnd, reading }: Hold) {
    this.head = head
    this.captured = captured
    this.#reading = reading
    this.#most = Math.max(atEnd ? WHOLE_BYTES : 0, reading?.maxBytes ?? 0)
  }

  /** Whether the end is waited for. */
  get whole(): boolean {
    return this.#most > 0
  }

  /** False, once: this is more than is held back whole, so the head must not wait for the end. */
  add(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    this.#bytes += chunk.length
    if (!this.whole || this.#bytes <= this.#most) return true
    this.#most = 0
    return false
  }

  /** Reads what has to be. undefined: nothing. */
  read(): Promise<Read> | undefined {
    const reading = this.#reading
    if (reading === undefined) return undefined
    const body = this.trailers !== undefined && this.#bytes <= reading.maxBytes ? this.chunks : undefined
    return reading.read(body).then(({ changes, body: instead }) => (instead === undefined
      ? { changes, head: this.head, chunks: this.chunks, trailers: this.trailers }
      // Trailers may tell of the old bytes.
      : { changes, head: { ...this.head, contentLength: instead.length }, chunks: [instead], trailers: [] }))
  }
}

/** A response that has been read, as it goes out. */
export interface Read extends Pick<Held, 'head' | 'chunks' | 'trailers'> {
  /** What that told of the session. */
  readonly changes: Changes
}

/** Whether a response is sure to be over soon: without a body, whatever length it declares, or declared small, or a redirect. */
export function isShort(method: string | undefined, status: number, contentLength: number | undefined): boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return true
  return contentLength === undefined ? status >= 300 && status < 400 : contentLength <= WHOLE_BYTES
}
