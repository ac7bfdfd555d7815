/** WebSockets, with a library at both ends. Each case plays a client against a server that it brings. */
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { WebSocket } from 'ws'

export interface WebSocketCase {
  /** As docs/http.md names it. */
  readonly id: string
  readonly deflate?: boolean
  /** Refuses the handshake with these bytes. */
  readonly refusal?: string
  /** What the server does with a socket that is open. `note`: what must be the same there. */
  server?(socket: WebSocket, note: (what: unknown) => void): void
  client(socket: WebSocket): Promise<unknown>
}

const echo = (socket: WebSocket): void => { socket.on('message', (data, binary) => { socket.send(data, { binary }) }) }

const opened = async (socket: WebSocket): Promise<void> => {
  if (socket.readyState !== WebSocket.OPEN) await once(socket, 'open')
}

async function heard(socket: WebSocket, count: number, say: () => void): Promise<unknown[]> {
  const messages: unknown[] = []
  const all = new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer, binary) => {
      messages.push([binary, data.length, data.subarray(0, 100).toString('latin1')])
      if (messages.length === count) resolve()
    })
  })
  await opened(socket)
  say()
  await all
  return messages
}

const closed = async (socket: WebSocket): Promise<unknown> => {
  const [code, reason] = await once(socket, 'close') as [number, Buffer]
  return [code, reason.toString()]
}

/** The codes that an endpoint may say (RFC 6455 7.4), and none. */
const CODES: readonly (readonly [code: number, reason: string] | readonly [])[] = [[], [1000, ''], [1001, 'going away'], [1003, 'Všechno \u{1f36a}'], [1008, 'x'.repeat(123)], [1011, ''], [3000, 'mine'], [4999, 'yours']]

const refused = (id: string, refusal: string): WebSocketCase => ({
  id, refusal,
  async client(socket) {
    const [, response] = await once(socket, 'unexpected-response') as [unknown, IncomingMessage]
    const chunks: Buffer[] = []
    for await (const chunk of response) chunks.push(chunk as Buffer)
    const own = ['connection', 'keep-alive', 'transfer-encoding']
    return { status: response.statusCode, words: response.statusMessage, headers: response.rawHeaders.filter((_, i, all) => !own.includes((all[i - (i % 2)] ?? '').toLowerCase())), body: Buffer.concat(chunks).toString('latin1'), trailers: response.rawTrailers }
  },
})

const closing = ([code, reason]: (typeof CODES)[number], byServer: boolean): WebSocketCase => ({
  id: byServer ? 'ws-close-by-app' : 'ws-close-by-client',
  server(socket, note) {
    socket.on('close', (seen, why) => { note([seen, why.toString()]) })
    if (byServer) socket.close(code, reason)
  },
  async client(socket) {
    const over = closed(socket)
    await opened(socket)
    if (!byServer) socket.close(code, reason)
    return over
  },
})

export const websockets: readonly WebSocketCase[] = [
  { id: 'ws-text', server: echo, client: (socket) => heard(socket, 4, () => { for (const text of ['', 'a', 'Všechno \u{1f36a}', 'x'.repeat(70_000)]) socket.send(text) }) },
  { id: 'ws-binary', server: echo, client: (socket) => heard(socket, 3, () => { for (const length of [0, 126, 3_000_000]) socket.send(Buffer.alloc(length, 0xfe)) }) },
  {
    id: 'ws-fragments', server: echo,
    client: (socket) => heard(socket, 1, () => {
      socket.send('one ', { fin: false })
      socket.ping('between')
      socket.send('two ', { fin: false })
      socket.send('three', { fin: true })
    }),
  },
  {
    id: 'ws-ping',
    server(socket, note) {
      socket.on('ping', (data) => { note(['ping', data.toString('latin1')]) })
      socket.on('pong', (data) => { note(['pong', data.toString('latin1')]); socket.send('over') })
    },
    async client(socket) {
      await opened(socket)
      const ponged = once(socket, 'pong')
      socket.ping('\u00fe'.repeat(62))
      const over = once(socket, 'message')
      const [data] = await ponged as [Buffer]
      socket.pong('unasked')
      await over
      return data.toString('latin1')
    },
  },
  ...CODES.flatMap((code) => [closing(code, true), closing(code, false)]),
  {
    id: 'ws-vanish',
    server(socket, note) { socket.on('close', (code) => { note(code) }) },
    async client(socket) {
      await opened(socket)
      const over = closed(socket)
      socket.terminate()
      return over
    },
  },
  {
    id: 'ws-deflate', deflate: true, server: echo,
    async client(socket) {
      // The second of a kind is smaller on the wire than the first where the window is kept between messages.
      const messages = await heard(socket, 4, () => { for (let i = 0; i < 4; i += 1) socket.send(i % 2 === 0 ? 'again and '.repeat(5_000) : Buffer.alloc(100_000, 'x')) })
      return [socket.extensions, messages]
    },
  },
  {
    id: 'ws-subprotocol', server: echo,
    async client(socket) {
      const [response] = await once(socket, 'upgrade') as [IncomingMessage]
      await opened(socket)
      const { upgrade, connection, 'sec-websocket-accept': accept } = response.headers
      return [socket.protocol, response.statusCode, upgrade, connection?.toLowerCase(), typeof accept, response.headers['x-mine']]
    },
  },
  { id: 'ws-server-first', server: (socket) => { for (let i = 0; i < 20; i += 1) socket.send(`early ${i}`) }, client: (socket) => heard(socket, 20, () => undefined) },
  refused('ws-refused', 'HTTP/1.1 302 Found\r\nLocation: /login?next=%2Fchat\r\nSet-Cookie: other=1; Path=/\r\nset-cookie: more=2\r\nContent-Length: 5\r\nX-A: \u00e9\r\n\r\nlogin'),
  refused('ws-refused', 'HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Bearer\r\nWWW-Authenticate: Basic realm="x"\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n0\r\nX-T: 1\r\n\r\n'),
  refused('ws-refused', 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nuntil the end'),
  refused('ws-refused', `HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`),
]

/** What a server notes of the handshake. */
export function handshake(request: IncomingMessage): unknown {
  const { origin, 'sec-websocket-version': version, 'sec-websocket-protocol': protocols, 'sec-websocket-extensions': extensions, 'x-mine': mine, upgrade } = request.headers
  return { url: request.url, origin, version, protocols, extensions, mine, upgrade }
}
