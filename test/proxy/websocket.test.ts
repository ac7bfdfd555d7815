import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { systemClock } from '../../src/clock.ts'
import type { Address } from '../../src/config/config.ts'
import { UnstickError } from '../../src/errors.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { countingStore } from '../support/counting-store.ts'
import { freePort } from '../support/ports.ts'
import { type HttpApp, httpApp, rawApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { type Overrides, runSidecar } from '../support/running-sidecar.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const HANDSHAKE = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']
const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'

interface WsApp extends AsyncDisposable {
  readonly address: Address
  readonly http: HttpApp
  readonly handshakes: readonly IncomingMessage[]
  readonly sockets: readonly WebSocket[]
}

/** The cookie app, with an echo over WebSocket beside it. */
async function echoApp(options: { setCookie?: string; deflate?: boolean; unix?: string } = {}): Promise<WsApp> {
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

function open(address: Address, options: { headers?: Record<string, string>; deflate?: boolean } = {}): WebSocket {
  const url = 'unix' in address ? `ws+unix:${address.unix}:/chat?room=1` : `ws://${address.host}:${address.port}/chat?room=1`
  const socket = new WebSocket(url, ['chat.v2', 'chat.v1'], { headers: options.headers ?? {}, perMessageDeflate: options.deflate ?? false, maxPayload: 64 * 1024 ** 2 })
  socket.on('error', () => undefined)
  return socket
}

async function echo(socket: WebSocket, message: string | Buffer): Promise<string | Buffer> {
  const answered = once(socket, 'message')
  socket.send(message)
  const [data, binary] = await answered as [Buffer, boolean]
  return binary ? data : data.toString()
}

async function withEcho(body: (context: { app: WsApp; sidecar: { address: Address; log(): string } }) => Promise<void>, options: Parameters<typeof echoApp>[0] = {}, overrides: Overrides = {}): Promise<void> {
  await using app = await echoApp(options)
  await using sidecar = await runSidecar(app, overrides)
  await body({ app, sidecar })
}

describe('a WebSocket', () => {
  it('carries text, binary, nothing at all, and large messages', () => withEcho(async ({ sidecar }) => {
    const socket = open(sidecar.address)
    await once(socket, 'open')
    expect(socket.protocol).toBe('chat.v2')
    expect(await echo(socket, 'žluťoučký \u{1f36a}')).toBe('žluťoučký \u{1f36a}')
    expect(await echo(socket, '')).toBe('')
    expect(await echo(socket, Buffer.from([0, 255, 10, 13]))).toEqual(Buffer.from([0, 255, 10, 13]))
    const large = Buffer.alloc(20 * 1024 ** 2, 'large')
    expect((await echo(socket, large) as Buffer).equals(large)).toBe(true)
    socket.close()
    await once(socket, 'close')
  }))

  it('carries pings and pongs both ways', () => withEcho(async ({ app, sidecar }) => {
    const socket = open(sidecar.address)
    await once(socket, 'open')
    socket.ping('from here')
    expect(String((await once(socket, 'pong'))[0])).toBe('from here')
    const [appSocket] = app.sockets
    if (appSocket === undefined) throw new Error('the app has no socket')
    const answered = once(appSocket, 'pong')
    appSocket.ping('from there')
    expect(String((await answered)[0])).toBe('from there')
    socket.terminate()
  }))

  it('carries close codes and reasons both ways', () => withEcho(async ({ app, sidecar }) => {
    const first = open(sidecar.address)
    await once(first, 'open')
    const seen = once(app.sockets[0] as WebSocket, 'close')
    first.close(4001, 'gone home')
    expect((await seen).map(String)).toEqual(['4001', 'gone home'])
    const second = open(sidecar.address)
    await once(second, 'open')
    const told = once(second, 'close')
    app.sockets[1]?.close(4002, 'closing time')
    expect((await told).map(String)).toEqual(['4002', 'closing time'])
  }))

  it('carries compressed messages when both ends agree to compress', () => withEcho(async ({ sidecar }) => {
    const socket = open(sidecar.address, { deflate: true })
    await once(socket, 'open')
    expect(socket.extensions).toContain('permessage-deflate')
    const long = 'abc'.repeat(100_000)
    expect(await echo(socket, long)).toBe(long)
    socket.terminate()
  }, { deflate: true }))

  it('gets its handshake to the app with target, Host and who asks, and without what is reserved', () => withEcho(async ({ app, sidecar }) => {
    const socket = open(sidecar.address, { headers: { 'X-Session-User': 'admin', 'Cookie': 'a=b; sid=spoofed', 'X-Plain': '1', 'Host': 'app.example' } })
    await once(socket, 'open')
    const [request] = app.handshakes
    expect(request?.url).toBe('/chat?room=1')
    expect(request?.headers).toMatchObject({ 'host': 'app.example', 'cookie': 'a=b', 'x-plain': '1', 'x-forwarded-for': '127.0.0.1', 'x-forwarded-host': 'app.example', 'connection': 'Upgrade', 'upgrade': 'websocket' })
    expect(request?.headers).not.toHaveProperty('x-session-user')
    socket.terminate()
  }))

  it('has its session: cookies go into the handshake, and the 101\'s Set-Cookie of a vaulted name into the store', () => withEcho(async ({ app, sidecar }) => {
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    using client = await RawClient.connect(sidecar.address)
    const answer = await client.send(visitor.request('/chat', HANDSHAKE)).head()
    expect(answer.statusLine).toBe('HTTP/1.1 101 Switching Protocols')
    expect(headerValues(answer, 'set-cookie')).toEqual(['other=1', expect.stringMatching(/^unstick=/)])
    expect([headerValue(answer, 'connection'), headerValue(answer, 'upgrade'), headerValue(answer, 'x-session-user')]).toEqual(['Upgrade', 'websocket', undefined])
    expect(headerValue(answer, 'sec-websocket-accept')).toBe('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
    await until('the app has it', () => app.handshakes.length === 1, 5_000)
    expect(app.handshakes[0]?.headers.cookie).toBe('sid=mine')
    expect((await visitor.get('/')).body).toBe('sid=over-ws')
  }, { setCookie: 'sid=over-ws' }))

  it('makes a session where there was none', () => withEcho(async ({ sidecar }) => {
    using client = await RawClient.connect(sidecar.address)
    const visitor = new TokenHolder(sidecar.address)
    visitor.keep({ ...await client.send(get('/chat', HANDSHAKE)).head(), body: '', trailers: [] })
    expect((await visitor.get('/')).body).toBe('sid=over-ws')
  }, { setCookie: 'sid=over-ws' }))

  it('on a route without sessions does not hand vaulted cookies or the token to the client', () => withEcho(async ({ sidecar }) => {
    using client = await RawClient.connect(sidecar.address)
    expect(headerValues(await client.send(get('/chat', HANDSHAKE)).head(), 'set-cookie')).toEqual(['other=1'])
  }, { setCookie: 'sid=over-ws' }, { routes: [{ match: '/chat', session: 'off' }] }))

  it('cannot be used to set the token', () => withEcho(async ({ sidecar }) => {
    using client = await RawClient.connect(sidecar.address)
    expect(headerValues(await client.send(get('/chat', HANDSHAKE)).head(), 'set-cookie')).toEqual(['other=1'])
  }, { setCookie: 'unstick=forged' }))

  it('does not hold its session\'s lease while it is open', () => withEcho(async ({ sidecar }) => {
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    const socket = open(sidecar.address, { headers: { Cookie: visitor.cookie ?? '' } })
    await once(socket, 'open')
    expect((await visitor.get('/')).body).toBe('sid=mine')
    socket.terminate()
  }, {}, { routes: [{ match: '/**', lock: 'exclusive', lockWaitMs: 1_000 }] }))

  it('takes what either side sends right behind its head', async () => {
    let received = ''
    await using app = await rawApp((socket) => {
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1')
        if (received.includes('\r\n\r\n') && !received.includes('answered')) { received += 'answered'; socket.write(`${SWITCHED}early app`) }
      })
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(`${get('/', HANDSHAKE)}early client`)
    await client.until('\r\n\r\nearly app')
    await until('the app has it', () => received.includes('early client'), 5_000)
  })
})

describe('a refused upgrade', () => {
  it.each([
    ['302', 'HTTP/1.1 302 Found\r\nLocation: /login\r\nSet-Cookie: sid=fresh\r\nContent-Length: 5\r\n\r\nlogin', 'login'],
    ['401, chunked', 'HTTP/1.1 401 Who Are You\r\nWWW-Authenticate: Basic\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n0\r\n\r\n', 'who'],
    ['200', 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npage', 'page'],
  ])('%s is relayed whole, and its cookies are captured', async (_, bytes, body) => {
    await using app = await rawApp((socket) => { socket.once('data', () => { socket.write(bytes) }) })
    await using sidecar = await runSidecar(app)
    const response = await ask(sidecar.address, get('/', HANDSHAKE))
    expect([response.statusLine, response.body]).toEqual([bytes.slice(0, bytes.indexOf('\r\n')), body])
    expect(headerValues(response, 'set-cookie')).toEqual(bytes.includes('sid=') ? [expect.stringMatching(/^unstick=/)] : [])
    expect([headerValue(response, 'date'), headerValue(response, 'connection')]).toEqual([undefined, 'close'])
  })

  it('that breaks in its body does not pass for whole', async () => {
    await using app = await rawApp((socket) => { socket.once('data', () => { socket.write('HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n', () => { setImmediate(() => socket.resetAndDestroy()) }) }) })
    await using sidecar = await runSidecar(app)
    await expect(ask(sidecar.address, get('/', HANDSHAKE))).rejects.toThrow(/was (?:closed|reset) before/)
  })

  it('that breaks in a body which ends with its connection does not pass for whole either', async () => {
    let broken: () => void = () => undefined
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 403 No\r\n\r\nhalf'); broken = () => { socket.resetAndDestroy() } })
    await using sidecar = await runSidecar(app)
    for (const version of ['1.1', '1.0']) {
      using client = await RawClient.connect(sidecar.address)
      await client.send(get('/', HANDSHAKE).replace('HTTP/1.1', `HTTP/${version}`)).until('half')
      broken()
      const ending = await client.ended()
      expect(client.pending).not.toContain('0\r\n\r\n')
      if (version === '1.0') expect(ending).toBe('reset')
    }
  })

  it('whose body ends with its connection is whole when that ends well', async () => {
    await using app = await rawReplies((socket) => { socket.end('HTTP/1.1 403 No\r\n\r\nwhole') })
    await using sidecar = await runSidecar(app)
    expect((await ask(sidecar.address, get('/', HANDSHAKE))).body).toBe('whole')
  })

  it.each(['Content-Length', 'Transfer-Encoding'])('with a large body (%s) is relayed whole, however slowly the client reads', async (framing) => {
    const body = Buffer.alloc(16 * 1024 ** 2, 'x')
    await using app = await httpApp(() => undefined)
    app.server.on('upgrade', (_, socket) => {
      socket.on('error', () => undefined)
      if (framing === 'Content-Length') socket.write(`HTTP/1.1 403 No\r\nContent-Length: ${body.length}\r\n\r\n`)
      else socket.write(`HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n`)
      socket.write(body)
      if (framing === 'Transfer-Encoding') socket.write('\r\n0\r\nX-Trailer: 1\r\n\r\n')
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.socket.pause()
    client.send(get('/', HANDSHAKE))
    await until('the app has it', () => app.sockets.size === 1, 5_000)
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    client.socket.resume()
    expect((await client.response()).body.length).toBe(body.length)
  })

  it('or an accepted one may have as large a header as any other answer', async () => {
    const cookie = `Set-Cookie: sid=${'v'.repeat(200_000)}\r\n`
    await using app = await rawReplies((socket, head) => { socket.write(head.startsWith('GET /no') ? `HTTP/1.1 403 No\r\n${cookie}Content-Length: 0\r\n\r\n` : SWITCHED.replace('\r\n\r\n', `\r\n${cookie}\r\n`)) })
    await using sidecar = await runSidecar(app)
    expect((await ask(sidecar.address, get('/no', HANDSHAKE))).status).toBe(403)
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(get('/', HANDSHAKE)).head()).status).toBe(101)
  })

  it.each(['ends', 'breaks off'])('has what its app writes to a session file before it %s in the session', async (how) => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'sess_abc')
    let finish: () => void = () => undefined
    await using app = await rawReplies((socket, head) => {
      if (head.startsWith('GET /set')) socket.write('HTTP/1.1 200 OK\r\nSet-Cookie: sid=abc\r\nContent-Length: 0\r\n\r\n')
      else if (head.startsWith('GET /chat')) {
        socket.write('HTTP/1.1 403 No\r\nContent-Length: 8\r\n\r\nhalf')
        finish = () => { if (how === 'ends') socket.write('full'); else socket.resetAndDestroy() }
      } else socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    })
    await using sidecar = await runSidecar(app, { files: [{ cookie: 'sid', id: undefined, path: `${folder.path}/sess_{id}`, render: (id) => join(folder.path, `sess_${id}`) }] })
    const visitor = new TokenHolder(sidecar.address)
    writeFileSync(file, 'old')
    await visitor.get('/set')
    using client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/chat', HANDSHAKE))
    await client.head()
    writeFileSync(file, 'new')
    finish()
    await client.ended()
    // As on another replica: the file is not there, and must come from the store.
    rmSync(file)
    await until('it comes from the store', async () => { await visitor.get('/'); return readFileSync(file, 'utf8') === 'new' }, 5_000)
  })

  it('by an app that is down is 502 upstream_unreachable; by one that breaks, upstream_broke; by one that never answers, 504', async () => {
    await using down = await runSidecar({ host: '127.0.0.1', port: await freePort() })
    expect(headerValue(await ask(down.address, get('/', HANDSHAKE)), 'unstick-error')).toBe('upstream_unreachable')
    await using breaking = await rawApp((socket) => { socket.once('data', () => { socket.resetAndDestroy() }) })
    await using broken = await runSidecar(breaking)
    expect(headerValue(await ask(broken.address, get('/', HANDSHAKE)), 'unstick-error')).toBe('upstream_broke')
    await using silent = await rawApp((socket) => { socket.resume() })
    await using slow = await runSidecar(silent, { limits: { upstreamTimeoutMs: 300 } })
    expect(await ask(slow.address, get('/', HANDSHAKE))).toMatchObject({ status: 504 })
    await until('the app\'s connection is closed', () => silent.sockets.size === 0, 5_000)
  })
})

describe('an open WebSocket', () => {
  /** Both raw ends of a joined connection. */
  async function joined(body: (ends: { client: RawClient; app: Socket }) => Promise<void>): Promise<void> {
    const ends: Socket[] = []
    await using app = await rawApp((socket) => { ends.push(socket); socket.once('data', () => { socket.write(SWITCHED) }) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    await client.send(get('/', HANDSHAKE)).head()
    const [socket] = ends
    if (socket === undefined) throw new Error('the app has no socket')
    await body({ client, app: socket })
    // The process is still there, and serves.
    expect((await ask(sidecar.address, 'GARBAGE\r\n\r\n')).status).toBe(400)
  }

  it.each(['destroy', 'resetAndDestroy', 'end'] as const)('whose app dies by %s: the client\'s socket closes', (how) => joined(async ({ client, app }) => {
    app[how]()
    await client.ended()
  }))

  it.each(['destroy', 'resetAndDestroy', 'end'] as const)('whose client dies by %s: the app\'s socket closes', (how) => joined(async ({ client, app }) => {
    const closed = once(app, 'close')
    app.resume()
    client.socket[how]()
    await closed
  }))

  it('whose client dies in the middle of a flood from the app: the app\'s socket closes', () => joined(async ({ client, app }) => {
    const closed = new Promise((resolve) => { app.once('close', resolve) })
    const more = (): void => { while (app.write(Buffer.alloc(65_536))); app.once('drain', more) }
    more()
    await client.bytes(1_000_000)
    client.reset()
    await closed
  }))

  it('gets to the client all that its app sent before it closed, however slowly the client reads', () => joined(async ({ client, app }) => {
    let read = 0
    client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
      read += chunk.length
      client.socket.pause()
      setTimeout(() => client.socket.resume(), 1)
    })
    app.end(Buffer.alloc(24 * 1024 ** 2, 'x'))
    await client.ended()
    expect(read).toBe(24 * 1024 ** 2)
  }))

  it('is held back by a client that does not read', () => joined(async ({ client, app }) => {
    client.socket.pause()
    let written = 0
    const more = (): void => { do written += 65_536; while (app.write(Buffer.alloc(65_536)) && written < 200 * 1024 ** 2); app.once('drain', more) }
    more()
    let last = -1
    let since = performance.now()
    await until('it stops moving', () => { if (written !== last) { last = written; since = performance.now() } return performance.now() - since > 400 }, 20_000)
    expect(written).toBeLessThan(32 * 1024 ** 2)
  }))

  it('outlives the upstream timeout without a word', async () => {
    await using app = await echoApp()
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 200 } })
    const socket = open(sidecar.address)
    await once(socket, 'open')
    await expect(Promise.race([once(socket, 'close').then(() => 'closed'), until('time has gone by', () => false, 900).catch(() => 'open')])).resolves.toBe('open')
    expect(await echo(socket, 'still here')).toBe('still here')
    socket.terminate()
  })

  it('is ended by the drain\'s deadline', async () => {
    await using app = await echoApp()
    await using sidecar = await runSidecar(app, { limits: { drainMs: 200 } })
    const socket = open(sidecar.address)
    await once(socket, 'open')
    const closed = once(socket, 'close')
    await sidecar.stop()
    await closed
  })
})

describe('a handshake whose session is still being committed', () => {
  /** The app has switched, and the store keeps the commit waiting until `go`, which may refuse it. */
  async function committing(body: (ends: { client: RawClient; app: Socket; go: (error?: Error) => void }) => Promise<void>): Promise<void> {
    const ends: Socket[] = []
    await using app = await rawApp((socket) => { ends.push(socket.once('data', () => { socket.write(SWITCHED.replace('\r\n\r\n', '\r\nSet-Cookie: sid=1\r\n\r\n')) })) })
    const memory = memoryStore({ clock: systemClock })
    const gate = Promise.withResolvers<void>()
    let waiting = false
    const store = { ...countingStore(memory), commit: async (...call: Parameters<SessionStore['commit']>) => { waiting = true; await gate.promise; return await memory.commit(...call) } }
    await using sidecar = await runSidecar(app, { store })
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/', HANDSHAKE))
    await until('the commit waits', () => waiting, 5_000)
    const [socket] = ends
    if (socket === undefined) throw new Error('the app has no socket')
    await body({ client, app: socket, go: (error) => { if (error === undefined) gate.resolve(); else gate.reject(error) } })
    expect((await ask(sidecar.address, 'GARBAGE\r\n\r\n')).status).toBe(400)
  }

  const closed = (socket: Socket): Promise<unknown> => new Promise((resolve) => { if (socket.closed) resolve(undefined); else socket.once('close', resolve) })

  it('is answered with 503 when that fails, and the app\'s socket closes', () => committing(async ({ client, app, go }) => {
    go(new UnstickError('store_unavailable', 'The store is away.'))
    expect(headerValue(await client.response(), 'unstick-error')).toBe('store_unavailable')
    await closed(app)
  }))

  it('survives an app that resets meanwhile: the client\'s socket closes', () => committing(async ({ client, app, go }) => {
    app.resetAndDestroy()
    await closed(app)
    await ask({ host: '127.0.0.1', port: (client.socket.remotePort ?? 0) }, 'GARBAGE\r\n\r\n')
    go()
    await client.ended()
  }))

  it('survives a client that resets meanwhile: the app\'s socket closes', () => committing(async ({ client, app, go }) => {
    client.reset()
    await client.ended()
    go()
    await closed(app)
  }))
})

describe('a handshake on a connection with other requests', () => {
  it.each(['in one piece', 'one by one'])('does not overtake the answer to the one before it: it is an ordinary request, and the last (%s)', async (how) => {
    let finish: () => void = () => undefined
    await using app = await httpApp((request, response) => { if (request.url === '/slow') finish = () => { response.end('slow') }; else response.end(String(request.headers.upgrade)) })
    app.server.on('upgrade', (_, socket) => { socket.write(SWITCHED) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    if (how === 'one by one') {
      client.send(get('/slow'))
      await until('the app has it', () => app.requests.length === 1, 5_000)
      client.send(get('/ws', HANDSHAKE) + get('/never'))
    } else client.send(get('/slow') + get('/ws', HANDSHAKE) + get('/never'))
    await until('the app has both', () => app.requests.length === 2, 5_000)
    expect(client.pending).toBe('')
    finish()
    expect((await client.response()).body).toBe('slow')
    const answer = await client.response()
    expect([answer.status, answer.body, headerValue(answer, 'connection')]).toEqual([200, 'undefined', 'close'])
    expect(await client.rest()).toBe('')
    expect(app.requests.map(({ target }) => target)).toEqual(['/slow', '/ws'])
  })

  it('behind one that was refused reaches nobody', async () => {
    await using app = await rawReplies((socket) => { socket.write(SWITCHED) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(get('/', ['Host: b.example']) + get('/ws', HANDSHAKE)).response()).status).toBe(400)
    expect(await client.rest()).toBe('')
    // What had been sent on has reached the app by now.
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    expect(app.connections()).toBe(0)
  })

  it('whose answers are out switches, also while their session is still being let go of', async () => {
    await using app = await echoApp()
    const memory = memoryStore({ clock: systemClock })
    const gate = Promise.withResolvers<void>()
    const store = { ...countingStore(memory), release: async (...call: Parameters<SessionStore['release']>) => { await gate.promise; return await memory.release(...call) } }
    await using sidecar = await runSidecar(app, { store, routes: [{ match: '/', lock: 'exclusive' }] })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(visitor.request('/')).response()).body).toBe('sid=mine')
    expect((await client.send(visitor.request('/chat', HANDSHAKE)).head()).status).toBe(101)
    gate.resolve()
  })
})

describe('an upgrade to anything else', () => {
  it.each([
    ['h2c', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']],
    ['TLS', ['Connection: Upgrade', 'Upgrade: TLS/1.0']],
    ['h2c beside websocket', ['Connection: Upgrade', 'Upgrade: h2c, websocket']],
    ['websocket in two headers', ['Connection: Upgrade', 'Upgrade: websocket', 'Upgrade: h2c']],
    ['websocket, without Connection: Upgrade', ['Upgrade: websocket']],
  ])('%s is an ordinary request without Upgrade', async (_, headers) => {
    await using app = await httpApp((request, response) => { response.end(JSON.stringify(request.headers)) })
    await using sidecar = await runSidecar(app)
    const seen = JSON.parse((await ask(sidecar.address, get('/', headers))).body) as Record<string, string>
    expect(seen).not.toHaveProperty('upgrade')
    expect(seen).not.toHaveProperty('http2-settings')
    expect(seen['connection']).toBe('keep-alive')
  })

  it('by the app, unasked, is no upgrade', async () => {
    await using app = await rawApp((socket) => { socket.once('data', () => { socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nraw bytes') }) })
    await using sidecar = await runSidecar(app)
    expect(headerValue(await ask(sidecar.address, get('/')), 'unstick-error')).toBe('upstream_broke')
  })
})

describe('hostile handshakes', () => {
  it.each([
    ['two Hosts', `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`],
    ['no Host', `GET / HTTP/1.1\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n`],
    ['a length and chunks', `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n0\r\n\r\n`],
    ['gzip, then chunks', `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n0\r\n\r\n`],
    ['a body with a length', `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 46\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n${get('/smuggled')}`],
    ['a chunked body', `GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n${HANDSHAKE.join('\r\n')}\r\n\r\n0\r\n\r\n${get('/smuggled')}`],
  ])('with %s are refused, and nothing of them reaches the app', async (_, bytes) => {
    let seen = ''
    await using app = await rawApp((socket) => { socket.on('data', (chunk: Buffer) => { seen += chunk.toString('latin1'); socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n') }) })
    await using sidecar = await runSidecar(app)
    const response = await ask(sidecar.address, bytes)
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
    expect(seen).toBe('')
  })
})
