/** A response whose head is not yet allowed out, and what has come of it. */
import type { Changes } from '../carrier/carrier.ts'
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

export class Held {
  readonly head: Head
  readonly chunks: Buffer[] = []
  /** What the head told of the session, and is not written yet. */
  readonly captured: Changes
  /** The end has come, with these; undefined: not yet. */
  trailers: readonly Buffer[] | undefined
  #whole: boolean
  #bytes = 0

  /** `whole`: wait for the end, and write everything in one commit. */
  constructor(head: Head, captured: Changes, whole: boolean) {
    this.head = head
    this.captured = captured
    this.#whole = whole
  }

  get whole(): boolean {
    return this.#whole
  }

  /** False, once: this is more than is held back whole, so the head must not wait for the end. */
  add(chunk: Buffer): boolean {
    this.chunks.push(chunk)
    this.#bytes += chunk.length
    if (!this.#whole || this.#bytes <= WHOLE_BYTES) return true
    this.#whole = false
    return false
  }
}

/** Whether a response is sure to be over soon: without a body, whatever length it declares, or declared small, or a redirect. */
export function isShort(method: string | undefined, status: number, contentLength: number | undefined): boolean {
  if (method === 'HEAD' || status === 204 || status === 304) return true
  return contentLength === undefined ? status >= 300 && status < 400 : contentLength <= WHOLE_BYTES
}
