/** An app that echoes over WebSocket, and clients of it: with a library, and as bare heads. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket, WebSocketServer } from 'ws'
import type { Address } from '../../src/config/config.ts'
import { type HttpApp, httpApp } from './origin-app.ts'
import { type Overrides, runSidecar } from './running-sidecar.ts'
import { cookieApp } from './visitor.ts'

export const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
export const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'

export interface WsApp extends AsyncDisposable {
  readonly address: Address
  readonly http: HttpApp
  readonly handshakes: readonly IncomingMessage[]
  readonly sockets: readonly WebSocket[]
}

/** The cookie app, with an echo over WebSocket beside it. */
export async function echoApp(options: { setCookie?: string; deflate?: boolean; unix?: string } = {}): Promise<WsApp> {
  const http = await httpApp(cookieApp, options.unix === undefined ? {} : { unix: options.unix })
  const handshakes: IncomingMessage[] = []
  const sockets: WebSocket[] = []
  const server = new WebSocketServer({ server: http.server, perMessageDeflate: options.deflate ?? false, maxPayload: 64 * 1024 ** 2 })
  server.on('headers', (headers) => { if (options.setCookie !== undefined) headers.push(`Set-Cookie: ${options.setCookie}`, 'Set-Cookie: other=1', 'X-Session-User: 1') })
  server.on('connection', (socket, request) => {
    handshakes.push(request)
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('message', (data, binary) => { socket.send(data, { binary }) })
  })
  return { address: http.address, http, handshakes, sockets, [Symbol.asyncDispose]: () => http[Symbol.asyncDispose]() }
}

export function open(address: Address, options: { headers?: Record<string, string>; deflate?: boolean } = {}): WebSocket {
  const url = 'unix' in address ? `ws+unix:${address.unix}:/chat?room=1` : `ws://${address.host}:${address.port}/chat?room=1`
  const socket = new WebSocket(url, ['chat.v2', 'chat.v1'], { headers: options.headers ?? {}, perMessageDeflate: options.deflate ?? false, maxPayload: 64 * 1024 ** 2 })
  socket.on('error', () => undefined)
  return socket
}

export async function echo(socket: WebSocket, message: string | Buffer): Promise<string | Buffer> {
  const answered = once(socket, 'message')
  socket.send(message)
  const [data, binary] = await answered as [Buffer, boolean]
  return binary ? data : data.toString()
}

export async function withEcho(body: (context: { app: WsApp; sidecar: { address: Address; log(): string } }) => Promise<void>, options: Parameters<typeof echoApp>[0] = {}, overrides: Overrides = {}): Promise<void> {
  await using app = await echoApp(options)
  await using sidecar = await runSidecar(app, overrides)
  await body({ app, sidecar })
}
