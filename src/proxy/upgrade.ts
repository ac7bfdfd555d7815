/**
 * WebSocket handshakes: the session is opened for the handshake and captured from its answer; then two sockets are joined. Node's own
 * client does the upstream half, because it hands over the answer's head, which must carry the token's Set-Cookie.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { asUnstickError, UnstickError } from '../errors.ts'
import type { Peer } from '../http/forwarded.ts'
import type { RawHeaders } from '../http/message.ts'
import { sortRequest, type SortedRequest, upstreamHeaders } from '../http/request-head.ts'
import { sortResponse } from '../http/response-head.ts'
import { rawAnswer } from './answer.ts'
import type { Parts } from './parts.ts'
import { Visit } from './visit.ts'

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
  let visit: Visit | undefined
  let status = 0
  try {
    const sorted = sortRequest(request, peer, parts.sorter)
    const route = parts.routes.match(sorted.head.method, sorted.head.path)
    if (route.session) {
      // A connection that may stay open for hours must not hold its session's lease.
      visit = new Visit(parts, sorted, { ...route, lock: 'off' })
      await visit.begin(() => gone.signal)
    }
    const answered = await ask(parts, target, sorted, gone.signal)
    status = answered.response.statusCode ?? 502
    const headers = await capture(answered.response, visit)
    if (answered.joined === undefined) relay(answered.response, headers, request, socket)
    else join(answered.response, headers, socket, head, answered.joined)
    parts.telemetry.request(status, undefined, 0)
  } catch (error) {
    const failure = asUnstickError(error, 'upstream_broke', 'The WebSocket handshake failed.')
    parts.log.info({ err: failure, path: (request.url ?? '').split('?', 1)[0] }, `answered ${failure.status} ${failure.code} to an upgrade`)
    if (socket.writable) socket.end(rawAnswer(failure))
    else socket.destroy()
    parts.telemetry.request(failure.status, failure.code, 0)
    // The failure is told already; what settling adds to it can only be a second one.
    if (visit !== undefined) await Promise.resolve(visit.settle('broken')).catch(() => undefined)
  }
}

/** Sends the handshake on. Rejects with an `UnstickError`. */
async function ask(parts: Parts, target: UpgradeTarget, sorted: SortedRequest, signal: AbortSignal): Promise<Answered> {
  const headers = ['Connection', 'Upgrade', 'Upgrade', sorted.upgrade ?? 'websocket', ...upstreamHeaders(sorted)]
  const { tls, ...where } = target
  const outgoing: ClientRequest = (tls === true ? httpsRequest : httpRequest)({
    ...where, method: sorted.head.method, path: sorted.head.target,
    headers, setHost: false, agent: false, timeout: parts.upstreamTimeoutMs, signal,
  })
  return new Promise<Answered>((resolve, reject) => {
    outgoing.once('upgrade', (response, socket, head) => resolve({ response, joined: { socket, head } }))
    outgoing.once('response', (response) => resolve({ response }))
    outgoing.once('timeout', () => outgoing.destroy(new UnstickError('upstream_timeout', 'The app did not answer the handshake within limits.upstreamTimeout.')))
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const unreachable = error.syscall === 'connect'
      reject(asUnstickError(error, unreachable ? 'upstream_unreachable' : 'upstream_broke', unreachable ? 'The app cannot be reached for the handshake. Is it running, and is "upstream" right?' : 'The app closed the connection during the handshake.'))
    })
    outgoing.end()
  })
}

/** Takes the session's part out of the answer, commits it, and gives the headers that the client gets. */
async function capture(response: IncomingMessage, visit: Visit | undefined): Promise<RawHeaders> {
  const head = { status: response.statusCode ?? 502, headers: sortResponse(response.rawHeaders).headers }
  if (visit === undefined) return head.headers
  const changes = visit.capture(head)
  const left = await visit.settle('complete')
  await visit.commit(changes, false)
  await visit.commit(left, true)
  visit.announce(head)
  return head.headers
}

function join(response: IncomingMessage, headers: RawHeaders, client: Duplex, head: Buffer, app: { socket: Socket; head: Buffer }): void {
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage ?? ''}`, 'Connection: Upgrade', `Upgrade: ${response.headers.upgrade ?? 'websocket'}`]
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`)
  const { socket } = app
  socket.setTimeout(0)
  socket.setNoDelay(true)
  // Whichever side breaks or closes takes the other with it: half a tunnel is of no use to anybody.
  socket.on('error', () => client.destroy())
  socket.once('close', () => client.destroy())
  client.once('close', () => socket.destroy())
  client.write(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (app.head.length > 0) client.write(app.head)
  if (head.length > 0) socket.write(head)
  socket.pipe(client)
  client.pipe(socket)
}

/** A refused upgrade (a redirect to a login, a 401) is an ordinary response. */
function relay(answered: IncomingMessage, headers: RawHeaders, request: IncomingMessage, socket: Duplex): void {
  const response = new ServerResponse(request)
  response.sendDate = false
  response.shouldKeepAlive = false
  response.assignSocket(socket as Socket)
  response.writeHead(answered.statusCode ?? 502, answered.statusMessage ?? '', headers)
  answered.pipe(response)
  answered.once('error', () => socket.destroy())
  response.once('finish', () => socket.end())
}
