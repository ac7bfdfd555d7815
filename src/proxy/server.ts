/** The public port: Node's HTTP server in front of exchanges and upgrades, and the way to stop it without cutting anybody off. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Address } from '../config/config.ts'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import { rawAnswer } from './answer.ts'
import { type Connection, Connections } from './connections.ts'
import { Exchange } from './exchange.ts'
import type { Parts } from './parts.ts'
import { type UpgradeTarget, upgrade } from './upgrade.ts'

/** Longer than balancers keep idle connections (ALB 60 s, nginx 60 s), so that theirs is the side that closes. */
const KEEP_ALIVE_MS = 75_000
/** For a client to get its request head out. */
const HEAD_MS = 60_000

/** After the deadline of a drain: for the last words, and what they still have to commit. */
const LAST_WORDS_MS = 1_000

export class ProxyServer {
  readonly #parts: Parts
  readonly #server: Server
  readonly #target: UpgradeTarget
  /** Until both the socket is closed and the handshake's session is written. */
  readonly #upgraded = new Map<Duplex, Promise<void>>()
  readonly #connections: Connections

  constructor(parts: Parts, target: UpgradeTarget, limits: { headerBytes: number }) {
    this.#parts = parts
    this.#target = target
    this.#connections = new Connections(parts.trusted)
    this.#server = createServer({
      maxHeaderSize: limits.headerBytes,
      // Whatever NODE_OPTIONS say for the sake of some other program.
      insecureHTTPParser: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEAD_MS,
      // Uploads may take as long as they move: Upload bounds the time without a byte.
      requestTimeout: 0,
      // We answer these ourselves, with a code.
      requireHostHeader: false,
      noDelay: true,
      // What may not upgrade goes on as a plain request without Upgrade (RFC 9110 7.8 lets a server ignore it).
      shouldUpgradeCallback: (request) => this.#mayUpgrade(request),
    })
    // limits.header counts bytes. A limit on their number would refuse heads in its name that are within it.
    this.#server.maxHeadersCount = 0
    const handle = (request: IncomingMessage, response: ServerResponse): void => this.#exchange(request, response)
    this.#server.on('request', handle)
    this.#server.on('checkContinue', handle)
    // Any other expectation stays here, as the app would most likely have ignored it (RFC 9110 10.1.1).
    this.#server.on('checkExpectation', handle)
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#server.on('connect', (_request, socket) => refuse(socket, new UnstickError('bad_request', 'CONNECT is for proxies that go anywhere; this one serves one app.')))
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#onClientError(error, socket))
  }

  /** Listens; resolves with the address, where port 0 has become a real one. Throws `start_failed`. */
  async listen(address: Address): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      this.#server.on('connection', (socket) => this.#connections.add(socket, 'unix' in address))
      this.#server.once('error', (error) => reject(new UnstickError('start_failed', `Cannot listen on ${'unix' in address ? address.unix : `${address.host}:${address.port}`}: ${error.message}. Change "listen".`, { cause: error })))
      if ('unix' in address) this.#server.listen(address.unix, resolve)
      else this.#server.listen(address.port, address.host, resolve)
    })
    const bound = this.#server.address()
    return bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port }
  }

  get inFlight(): number {
    return this.#connections.exchanges().length
  }

  /** Takes no new connections, finishes what is in flight, and after `drainMs` ends what is left. */
  async drain(drainMs: Millis): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    let deadline: NodeJS.Timeout | undefined
    const expired = new Promise<void>((resolve) => { deadline = setTimeout(() => resolve(this.#expire()), drainMs) })
    await Promise.race([closed.then(() => this.#settled()), expired])
    clearTimeout(deadline)
    await closed
  }

  /** Clients that hung up are no part of server.close(), but what the app does for them is committed all the same; nor are upgraded connections. */
  async #settled(): Promise<void> {
    await Promise.all([this.#connections.idle(), ...this.#upgraded.values()])
  }

  /** Whoever still waits is told why, then all connections go. */
  async #expire(): Promise<void> {
    for (const socket of this.#upgraded.keys()) socket.destroy()
    for (const exchange of this.#connections.exchanges()) void exchange.refuse(new UnstickError('draining', 'This sidecar is shutting down. Try again.'))
    let enough: NodeJS.Timeout | undefined
    await Promise.race([this.#settled(), new Promise<void>((resolve) => { enough = setTimeout(resolve, LAST_WORDS_MS) })])
    clearTimeout(enough)
    setImmediate(() => this.#server.closeAllConnections())
  }

  #exchange(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    const connection = this.#connections.of(socket)
    if (connection === undefined || connection.refused) return
    const exchange = new Exchange(this.#parts, request, response, () => this.#ended(exchange, connection, socket))
    connection.exchanges.push(exchange)
    if (connection.exchanges.length > 1) tellOfClose(socket, response)
    // Of what came in one piece behind an upgrade that it ignores, Node loses some: what comes then may begin anywhere.
    const last = request.headers.upgrade !== undefined
    if (last) response.shouldKeepAlive = false
    void exchange.run(connection.peer)
    if (last || exchange.misframed) connection.refused = true
  }

  #ended(exchange: Exchange, connection: Connection, socket: Socket): void {
    this.#connections.ended(exchange, connection, socket)
    if (connection.refused && connection.exchanges.length === 0) socket.destroySoon()
    // An answer that had begun before the drain could not say that its connection would close.
    else if (this.#parts.draining()) setImmediate(() => this.#server.closeIdleConnections())
  }

  /** What Node's parser refuses: malformed, ambiguous, too large or too slow. */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const refusal = error.code === 'HPE_HEADER_OVERFLOW'
      ? new UnstickError('too_large', 'The request header is larger than limits.header.', { status: 431 })
      : new UnstickError('bad_request', 'The request is malformed, ambiguous or too slow, and was not passed on.')
    const connection = this.#connections.of(socket)
    if (connection === undefined || connection.exchanges.every(({ answered }) => answered)) {
      refuse(socket, refusal)
      return
    }
    // In the middle of other answers there is no place for this one. If it is about a body, that body's request takes it.
    connection.refused = true
    for (const exchange of connection.exchanges) if (exchange.uploading) void exchange.refuse(refusal)
  }

  /**
   * Only to a WebSocket: h2c in particular would be a tunnel past everything that is checked here. And not past answers that are still to
   * come on the same connection, which the handshake's would overtake.
   */
  #mayUpgrade({ headers, socket }: IncomingMessage): boolean {
    const connection = this.#connections.of(socket)
    return headers.upgrade?.toLowerCase() === 'websocket' && connection?.refused === false && connection.exchanges.every(({ answered }) => answered)
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // Not `socket`: where the request has a body, Node 26 hands out a stream that stands for it.
    const connection = this.#connections.of(request.socket)
    // A Node before 22.21 does not ask first.
    if (connection === undefined || !this.#mayUpgrade(request)) {
      socket.destroy()
      return
    }
    const closed = new Promise<void>((resolve) => { socket.once('close', () => resolve()) })
    const over = Promise.all([closed, upgrade(this.#parts, this.#target, { request, socket, head, peer: connection.peer })])
    this.#upgraded.set(socket, over.then(() => { this.#upgraded.delete(socket) }))
  }
}

/** Node 22 does not tell the answers to requests that were sent ahead that their connection has closed. */
function tellOfClose(socket: Socket, response: ServerResponse): void {
  const tell = (): void => { response.emit('close') }
  socket.once('close', tell)
  response.once('close', () => socket.off('close', tell))
}

function refuse(socket: Duplex, error: UnstickError): void {
  // The peer may be gone by now; there is nobody left to tell.
  socket.on('error', () => socket.destroy())
  socket.end(rawAnswer(error), 'utf8', () => socket.destroy())
}
