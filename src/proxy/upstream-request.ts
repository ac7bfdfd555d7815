/** What goes to the app and what comes of it, whichever client carries it. */
import type { Millis } from '../clock.ts'
import type { UnstickError } from '../errors.ts'
import type { HeaderKindOf } from '../http/header-names.ts'
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
  /** What the configuration makes of header names. */
  readonly headerKind: HeaderKindOf
}

export interface OutgoingRequest {
  readonly method: string
  readonly target: string
  /** Without Transfer-Encoding, which is said by whoever frames the body. */
  readonly headers: RawHeaders
  readonly body: Upload | null
}

/** What came of sending, as it comes. The calls are in this order; after `onEnd` or `onFailure` there are no more. */
export interface ResponseSink {
  /** A connection is there and the request is about to go out: from here on the app may act on it. False: it is not wanted any more, and must not. */
  onSent(flow: Flow): boolean
  /** 1xx. */
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

/** For a connection to the app to come about. */
export const CONNECT_MS: Millis = 10_000

/** A body that does not move for this many upstream timeouts is given up. Longer than any keep-alive comment of an event stream. */
export const BODY_IDLE_FACTOR = 10
