/** The app behind a sidecar, as a test plays it: over node:http where HTTP is not the point, over bare sockets where it is. */
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server as HttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Address } from '../../src/config/config.ts'

export interface OriginApp extends AsyncDisposable {
  readonly address: Address
  /** Connections that are open now. */
  readonly sockets: ReadonlySet<Socket>
  /** How many connections it ever had. */
  readonly connections: () => number
}

export interface HttpApp extends OriginApp {
  readonly server: HttpServer
  /** Every request that came, as it came; none with `forgetful`, for tests that send very many. */
  readonly requests: readonly SeenRequest[]
}

export interface SeenRequest {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
}

/** An app of node:http. Listens on loopback, or on a unix socket. */
export async function httpApp(handler: RequestListener, options: { unix?: string; forgetful?: boolean } = {}): Promise<HttpApp> {
  const requests: SeenRequest[] = []
  const server = createHttpServer({ keepAliveTimeout: 60_000, requireHostHeader: false }, (request, response) => {
    if (options.forgetful !== true) requests.push({ method: request.method ?? '', target: request.url ?? '', headers: request.rawHeaders })
    // A test that lets the sidecar hang up must not fall over it here.
    request.on('error', () => undefined)
    response.on('error', () => undefined)
    handler(request, response)
  })
  return { server, requests, ...(await running(server, options.unix)) }
}

/** An app that is nothing but sockets. */
export async function rawApp(onConnection: (socket: Socket) => void, options: { unix?: string } = {}): Promise<OriginApp> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  return running(server, options.unix)
}

/** An app on bare sockets that answers every request head with what `reply` does. The body stays in the socket's data. */
export function rawReplies(reply: (socket: Socket, head: string) => void, options: { unix?: string } = {}): Promise<OriginApp> {
  return rawApp((socket) => {
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      for (let end = received.indexOf('\r\n\r\n'); end !== -1; end = received.indexOf('\r\n\r\n')) {
        const head = received.slice(0, end + 4)
        received = received.slice(end + 4)
        reply(socket, head)
      }
    })
  }, options)
}

/** The whole body of a request, in Latin-1. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('latin1')
}

async function running(server: Server, unix: string | undefined): Promise<OriginApp> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => { if (unix === undefined) server.listen(0, '127.0.0.1', resolve); else server.listen(unix, resolve) })
  const address: Address = unix === undefined ? { host: '127.0.0.1', port: (server.address() as AddressInfo).port } : { unix }
  return {
    address, sockets,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
