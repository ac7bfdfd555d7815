/** Handshakes that are refused, fail, meet others, or are no handshakes. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { UnstickError } from '../../src/errors.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { countingStore } from '../support/counting-store.ts'
import { freePort } from '../support/ports.ts'
import { httpApp, rawApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { storeOver } from '../support/store-over.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { TokenHolder } from '../support/visitor.ts'
import { echoApp, HANDSHAKE, SWITCHED } from '../support/websocket.ts'

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

  /** An app that refuses with these bytes, and goes while the store is asked to commit. */
  async function goneDuringCommit(how: string, bytes: string) {
    const app = await rawApp((socket) => { socket.once('data', () => { socket.write(bytes) }) })
    const store = memoryStore({ clock: systemClock })
    const gone = async (): Promise<void> => {
      for (const socket of app.sockets) if (how === 'closes') socket.end(); else socket.resetAndDestroy()
      await until('the app is gone', () => app.sockets.size === 0, 5_000)
      // A whole other round trip: the sidecar has seen it by now too.
      await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    }
    const sidecar = await runSidecar(app, { store: storeOver(store, { commit: async (...given) => { await gone(); return store.commit(...given) } }) })
    return { sidecar, async [Symbol.asyncDispose]() { await sidecar.stop(); await app[Symbol.asyncDispose]() } }
  }

  it.each(['closes', 'resets'])('whose app %s the connection in its body, while the session is committed, does not keep the client waiting', async (how) => {
    await using stage = await goneDuringCommit(how, 'HTTP/1.1 401 No\r\nSet-Cookie: sid=1\r\nContent-Length: 100\r\n\r\npart')
    await expect(ask(stage.sidecar.address, get('/', HANDSHAKE))).rejects.toThrow(/was (?:closed|reset) before/)
  })

  it.each(['closes', 'resets'])('whose app %s the connection behind it, while the session is committed, is relayed whole', async (how) => {
    await using stage = await goneDuringCommit(how, 'HTTP/1.1 401 No\r\nSet-Cookie: sid=1\r\nContent-Length: 5\r\n\r\nwhole')
    expect(await ask(stage.sidecar.address, get('/', HANDSHAKE))).toMatchObject({ status: 401, body: 'whole' })
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
