import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Address } from '../../../src/config/config.ts'
import { runSidecar } from '../../support/running-sidecar.ts'
import { until } from '../../support/until.ts'
import { TokenHolder } from '../../support/visitor.ts'
import { handshake, type WebSocketCase, websockets } from './websockets.ts'

const folder = mkdtempSync(join(tmpdir(), 'unstick-ws-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

const OVERRIDES = {
  'without a session': {},
  'with a session': {},
  'with a session file': { cookies: { names: [] }, files: [{ cookie: 'sid', id: undefined, path: `${folder}/{id}`, render: (id: string) => join(folder, id) }] },
}
const SETTINGS = Object.keys(OVERRIDES) as (keyof typeof OVERRIDES)[]

/** The server's side of a case: what it saw, and its end. */
async function serve(the: WebSocketCase, session: boolean) {
  const seen: unknown[] = []
  const sockets = new Set<Socket>()
  const http = createServer((_, response) => { response.setHeader('Set-Cookie', 'sid=one').end('in') })
  http.on('connection', (socket: Socket) => { sockets.add(socket); socket.on('error', () => undefined) })
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: the.deflate ?? false, handleProtocols: (offered) => [...offered].at(-1) ?? false })
  server.on('headers', (headers) => { headers.push('X-Mine: of the app') })
  http.on('upgrade', (request, socket, head) => {
    seen.push(handshake(request), session ? request.headers.cookie : 'nobody')
    if (the.refusal !== undefined) {
      socket.end(the.refusal, 'latin1')
      return
    }
    server.handleUpgrade(request, socket, head, (opened) => {
      opened.on('error', () => undefined)
      the.server?.(opened, (what) => { seen.push(what) })
      opened.once('close', () => { seen.push('closed') })
    })
  })
  await new Promise<void>((resolve) => { http.listen(0, '127.0.0.1', resolve) })
  const { port } = http.address() as AddressInfo
  return {
    seen, address: { host: '127.0.0.1', port } satisfies Address,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => { http.close(() => resolve()) })
    },
  }
}

async function told(the: WebSocketCase, setting: keyof typeof OVERRIDES, way: 'direct' | 'through'): Promise<unknown> {
  const session = setting !== 'without a session'
  await using app = await serve(the, session)
  await using sidecar = await runSidecar(app, OVERRIDES[setting])
  const visitor = new TokenHolder(sidecar.address)
  if (session) await visitor.get('/')
  const { host, port } = (way === 'direct' ? app.address : sidecar.address) as { host: string; port: number }
  const cookie = !session ? {} : { Cookie: way === 'direct' ? 'sid=one' : visitor.cookie ?? '' }
  const socket = new WebSocket(`ws://${host}:${port}/chat?room=%20`, ['chat.v1', 'chat.v2'], { headers: { Host: 'app.example', 'X-Mine': 'of the client', ...cookie }, origin: 'http://app.example', perMessageDeflate: the.deflate ?? false })
  socket.on('error', () => undefined)
  try {
    const client = await the.client(socket)
    socket.terminate()
    if (the.refusal === undefined) await until('the app has seen the end', () => app.seen.includes('closed'), 5_000)
    return JSON.parse(JSON.stringify({ client, app: app.seen }))
  } finally {
    socket.terminate()
  }
}

describe('through unstick as directly: WebSockets', () => {
  it.each(websockets.flatMap((the, i) => SETTINGS.map((setting) => ({ id: the.id, i, the, setting }))))('$id, $setting ($i)', async ({ the, setting }) => {
    expect(await told(the, setting, 'through')).toEqual(await told(the, setting, 'direct'))
  })
})
