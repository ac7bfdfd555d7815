/** A refused upgrade (a redirect to a login, a 401): an ordinary response, and the last on its connection. */
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { HeaderKindOf } from '../http/header-names.ts'
import type { RawHeaders } from '../http/message.ts'
import { Reply } from './reply.ts'

export interface Refusal {
  /** The app's answer, and its headers as the client gets them. */
  readonly answered: IncomingMessage
  readonly headers: RawHeaders
  /** Declared length of the body, in bytes. */
  readonly contentLength: number | undefined
  readonly headerKind: HeaderKindOf
  /** What must not come in trailers, in lower case. */
  readonly stripped: ReadonlySet<string> | undefined
  /** Called when the app is done, before the end goes out. What it throws cuts the client off. */
  readonly atEnd: () => Promise<void>
}

/** Relays it whole, or cuts the client off and throws why. `stallMs`: how long the client may leave it unread. */
export async function relay({ answered, headers, contentLength, headerKind, stripped, atEnd }: Refusal, request: IncomingMessage, client: Duplex, stallMs: Millis): Promise<void> {
  const response = new ServerResponse(request)
  response.shouldKeepAlive = false
  response.assignSocket(client as Socket)
  // After an upgrade Node leaves the connection to us, and with it the back-pressure.
  client.on('drain', () => response.emit('drain'))
  const reply = new Reply(response, stallMs, headerKind)
  reply.withhold(stripped)
  reply.attach({ pause: () => answered.pause(), resume: () => answered.resume(), abort: () => answered.destroy() })
  client.once('close', () => reply.abandon())
  try {
    reply.head(answered.statusCode ?? 502, asUtf8(answered.statusMessage), headers, contentLength)
    await passOn(answered, reply)
    await atEnd()
    response.once('finish', () => client.end())
    reply.end(answered.rawTrailers.map((text) => Buffer.from(text, 'latin1')))
  } catch (error) {
    reply.abort()
    throw error
  }
}

/** Rejects when the body breaks off. One that ends with its connection only ends with a proper end of that. */
async function passOn(answered: IncomingMessage, reply: Reply): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const broken = (cause?: unknown): void => { reject(new UnstickError('upstream_broke', 'The app closed the connection before its answer to the handshake was whole.', { cause })) }
    // Broken while its head was committed: nothing more would be heard of it.
    if (answered.destroyed) return broken(answered.errored)
    answered.on('data', (chunk: Buffer) => reply.data(chunk))
    answered.once('end', resolve)
    answered.once('error', broken)
    answered.once('close', broken)
    return undefined
  })
}

/** As the reply expects a reason phrase; Node reads it as Latin-1. */
const asUtf8 = (reason: string | undefined): string => Buffer.from(reason ?? '', 'latin1').toString('utf8')
