/**
 * WebSocket handshakes: the session is opened for the handshake and captured from its answer; then two sockets are joined. Node's own
 * client does the upstream half, because it hands over the answer's head, which must carry the token's Set-Cookie.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Outcome } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { asUnstickError, UnstickError } from '../errors.ts'
import type { Peer } from '../http/forwarded.ts'
import type { RawHeaders } from '../http/message.ts'
import { sortRequest, type SortedRequest, upstreamHeaders } from '../http/request-head.ts'
import { codedAnswer, sortResponse } from '../http/response-head.ts'
import { rawAnswer } from './answer.ts'
import { HandshakeSession } from './handshake-session.ts'
import type { Parts } from './parts.ts'
import { relay } from './relay.ts'
import { Visit } from './visit.ts'
import { withholdCookies } from './withhold.ts'

/** Where the app listens, in the terms of node:http. */
export interface UpgradeTarget {
  readonly host?: string
  readonly port?: number
  readonly socketPath?: string
  readonly tls?: boolean
}

interface Handshake {
  readonly request: IncomingMessage
  readonly socket: Duplex
  /** What the client sent behind the head already. */
  readonly head: Buffer
  readonly peer: Peer
}

/** What the app said to the handshake: a joined socket, or a refusal to be relayed whole. */
type Answered = { readonly response: IncomingMessage; readonly joined?: { readonly socket: Socket; readonly head: Buffer } }

export async function upgrade(parts: Parts, target: UpgradeTarget, { request, socket, head, peer }: Handshake): Promise<void> {
  const gone = new AbortController()
  // An error of the client's socket is followed by its close, which is where it is dealt with.
  socket.on('error', () => undefined)
  socket.once('close', () => gone.abort())
  const session = new HandshakeSession()
  let outcome: Outcome = 'unsent'
  let answered: Answered | undefined
  try {
    const sorted = sortRequest(request, peer, parts.sorter, parts.headerKind)
    // Where a body would end and the other protocol begin, servers do not agree.
    if (sorted.hasBody) throw new UnstickError('bad_request', 'A WebSocket handshake has no body.')
    const route = parts.routes.match(sorted.head.method, sorted.head.path)
    // A connection that may stay open for hours must not hold its session's lease.
    if (route.session) await session.begin(new Visit(parts, sorted, { ...route, lock: 'off' }), gone.signal)
    outcome = 'broken'
    answered = await ask(parts, target, sorted, gone.signal)
    await pass(parts, answered, session, { request, socket, head })
    parts.telemetry.request(answered.response.statusCode ?? 502, undefined, 0)
  } catch (error) {
    const failure = asUnstickError(error, 'upstream_broke', 'The WebSocket handshake failed.')
    parts.log.info({ err: failure, path: (request.url ?? '').split('?', 1)[0] }, `answered ${failure.status} ${failure.code} to an upgrade`)
    answered?.joined?.socket.destroy()
    if (answered?.joined === undefined) answered?.response.destroy()
    if (socket.writable) socket.end(rawAnswer(failure), 'utf8')
    else socket.destroy()
    parts.telemetry.request(failure.status, failure.code, 0)
    await session.giveUp(outcome, parts.log)
  }
}

/** The app's answer on its way to the client: committed before its head goes out, and what a refusal leaves at its end before that does. */
async function pass(parts: Parts, { response, joined }: Answered, session: HandshakeSession, { request, socket, head }: Omit<Handshake, 'peer'>): Promise<void> {
  const { headerKind } = parts
  const { headers, contentLength, hasSetCookie, withheld, coded } = sortResponse(response.rawHeaders, headerKind)
  if (coded) throw codedAnswer()
  const answer = { status: response.statusCode ?? 502, headers, withheld }
  if (hasSetCookie) withholdCookies(parts, answer, session.captures)
  const lingerMs = parts.upstreamTimeoutMs
  await session.commitHead(answer, joined !== undefined)
  if (joined !== undefined) {
    join(response, answer.headers, { socket, head, lingerMs }, joined)
    closeAtLogout(parts, request, session, socket)
  }
  else await relay({ answered: response, headers: answer.headers, contentLength, headerKind, stripped: session.stripped, atEnd: () => session.commitEnd() }, request, socket, lingerMs)
}

/** The app's side goes with the client's. */
function closeAtLogout(parts: Parts, { url }: IncomingMessage, session: HandshakeSession, socket: Duplex): void {
  if (socket.destroyed) return
  const unwatch = session.watch(() => {
    parts.log.info({ path: (url ?? '').split('?', 1)[0] }, 'cut off a WebSocket: session_ended')
    socket.destroy()
  })
  if (unwatch !== undefined) socket.once('close', unwatch)
}

/** Sends the handshake on. Rejects with an `UnstickError`. */
async function ask(parts: Parts, target: UpgradeTarget, sorted: SortedRequest, signal: AbortSignal): Promise<Answered> {
  const headers = ['Connection', 'Upgrade', 'Upgrade', sorted.upgrade ?? 'websocket', ...upstreamHeaders(sorted)]
  const { tls, ...where } = target
  const outgoing: ClientRequest = (tls === true ? httpsRequest : httpRequest)({
    ...where, method: sorted.head.method, path: sorted.head.target,
    headers, setHost: false, agent: false, timeout: parts.upstreamTimeoutMs, maxHeaderSize: parts.upstream.maxHeaderBytes, signal,
  })
  return new Promise<Answered>((resolve, reject) => {
    outgoing.once('upgrade', (response, socket, head) => {
      // From here on nobody else listens; its close is where an error is dealt with.
      socket.on('error', () => undefined)
      resolve({ response, joined: { socket, head } })
    })
    outgoing.once('response', (response) => {
      response.on('error', () => undefined)
      // Node takes a reset in a body that ends with its connection for that end. This listener comes before its own.
      response.socket.prependListener('error', (error) => { if (!response.complete) response.destroy(error) })
      resolve({ response })
    })
    outgoing.once('timeout', () => outgoing.destroy(new UnstickError('upstream_timeout', 'The app did not answer the handshake within limits.upstreamTimeout.')))
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const unreachable = error.syscall === 'connect'
      reject(asUnstickError(error, unreachable ? 'upstream_unreachable' : 'upstream_broke', unreachable ? 'The app cannot be reached for the handshake. Is it running, and is "upstream" right?' : 'The app closed the connection during the handshake.'))
    })
    outgoing.end()
  })
}

interface ClientEnd {
  readonly socket: Duplex
  /** What it sent behind its head already. */
  readonly head: Buffer
  /** How long it may take over the last bytes when the app has closed. */
  readonly lingerMs: Millis
}

function join(response: IncomingMessage, headers: RawHeaders, { socket: client, head, lingerMs }: ClientEnd, app: { socket: Socket; head: Buffer }): void {
  const { socket } = app
  if (client.destroyed || socket.destroyed) {
    // One of them went while the handshake was captured.
    client.destroy()
    socket.destroy()
    return
  }
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage ?? ''}`, 'Connection: Upgrade', `Upgrade: ${response.headers.upgrade ?? 'websocket'}`]
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
  socket.setTimeout(0)
  socket.setNoDelay(true)
  // Whichever side breaks or closes takes the other with it: half a tunnel is of no use to anybody. What an app said before it closed still gets out.
  socket.once('close', (broken) => {
    if (broken || !socket.readableEnded) client.destroy()
    else (client as Socket).setTimeout(lingerMs, () => client.destroy())
  })
  client.once('close', () => socket.destroy())
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (app.head.length > 0) client.write(app.head)
  if (head.length > 0) socket.write(head)
  socket.pipe(client)
  client.pipe(socket)
}
