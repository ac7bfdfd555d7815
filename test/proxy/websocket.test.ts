import { once } from 'node:events'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { WebSocket } from 'ws'
import { rawApp } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { TokenHolder } from '../support/visitor.ts'
import { echo, echoApp, HANDSHAKE, open, SWITCHED, withEcho } from '../support/websocket.ts'

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
