/** What undici cannot carry as it came goes over a connection of its own. */
import type { IncomingMessage } from 'node:http'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { bodyOf, httpApp, type OriginApp, rawApp, rawReplies } from '../support/origin-app.ts'
import { freePort } from '../support/ports.ts'
import { ask, get, headerValue, RawClient } from '../support/raw-client.ts'
import { type Overrides, runSidecar } from '../support/running-sidecar.ts'
import { storeOver } from '../support/store-over.ts'
import { until } from '../support/until.ts'

const CHUNKED = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n'
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('a chunked upload', () => {
  async function received(bytes: string, overrides: Overrides = {}): Promise<{ body: string; trailers: string[] }> {
    let seen: IncomingMessage | undefined
    let body = ''
    await using app = await httpApp((request, response) => { seen = request; void bodyOf(request).then((text) => { body = text; response.end('ok') }) })
    await using sidecar = await runSidecar(app, overrides)
    expect((await ask(sidecar.address, bytes)).body).toBe('ok')
    return { body, trailers: seen?.rawTrailers ?? [] }
  }

  it('gets its trailers to the app, announced or not', async () => {
    expect(await received(`${CHUNKED}2\r\nhi\r\n0\r\nX-Sum: abc\r\nx-OTHER: \u00e9\r\nX-Sum: 2\r\n\r\n`)).toEqual({ body: 'hi', trailers: ['X-Sum', 'abc', 'x-OTHER', '\u00e9', 'X-Sum', '2'] })
  })

  it('gets its trailers to the app when it is empty', async () => {
    expect(await received(`${CHUNKED}0\r\nX-Sum: abc\r\n\r\n`)).toEqual({ body: '', trailers: ['X-Sum', 'abc'] })
  })

  it('gets nothing to the app in trailers that it could not say in headers', async () => {
    const smuggled = ['X-Session-User: root', 'x_session_user: root', 'Cookie: sid=1', 'X-Forwarded-For: 1.2.3.4', 'Forwarded: for=x', 'Unstick-Error: x', 'Host: evil', 'Connection: x', 'Upgrade: h2c', 'TE: gzip']
    expect(await received(`${CHUNKED}2\r\nhi\r\n0\r\n${smuggled.join('\r\n')}\r\nX-Fine: 1\r\n\r\n`)).toEqual({ body: 'hi', trailers: ['X-Fine', '1'] })
  })

  it('gets nothing to the app in trailers that the configuration reserves', async () => {
    const smuggled = 'X-Api-User: root\r\nx_api_user: root\r\nAuthorization: Bearer stolen\r\n'
    expect(await received(`${CHUNKED}2\r\nhi\r\n0\r\n${smuggled}X-Fine: 1\r\n\r\n`, { headers: 'receive: X-Session\ninject: { X-Api-User: "{user}", Authorization: "Bearer {token}" }' })).toEqual({ body: 'hi', trailers: ['X-Fine', '1'] })
  })

  it('is answered early by an app that closes its connection at once', async () => {
    await using app = await rawApp((socket) => { socket.once('data', () => socket.end('HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much')) })
    await using sidecar = await runSidecar(app)
    for (let i = 0; i < 10; i += 1) {
      using client = await RawClient.connect(sidecar.address)
      client.send(CHUNKED)
      for (let chunk = 0; chunk < 2; chunk += 1) client.send('100000\r\n').send(Buffer.alloc(1024 ** 2)).send('\r\n')
      expect(await client.response()).toMatchObject({ status: 413, body: 'too much' })
    }
  })
})

describe('the head of an upload whose body keeps the client waiting', () => {
  it.each([['with a length', 'Content-Length: 5', 'hello'], ['chunked', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n']])('reaches the app without it, and the answer the client (%s)', async (_, framing, body) => {
    const bodies: string[] = []
    await using app = await httpApp((request, response) => { response.write('early;'); void bodyOf(request).then((text) => { bodies.push(text); response.end('late') }) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    await client.send(`POST / HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n`).until('early;')
    await client.send(body).until('late\r\n0\r\n\r\n')
    expect(bodies).toEqual(['hello'])
  })

  it('never reaches an app whose client hangs up before', async () => {
    await using app = await httpApp((_, response) => { response.end('ok') })
    await using sidecar = await runSidecar(app)
    const client = await RawClient.connect(sidecar.address)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    client.reset()
    await ask(sidecar.address, get('/marker'))
    await until('nothing is in flight', async () => (await ask(sidecar.admin, get('/metrics'))).body.includes('unstick_requests_in_flight 0'), 5_000)
    expect(app.requests.map(({ target }) => target)).toEqual(['/marker'])
  })
})

describe('100 Continue', () => {
  it('of an app that was not asked for it passes', async () => {
    await using app = await rawReplies((socket) => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`))
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(`${CHUNKED}0\r\n\r\n`)
    expect([(await client.response()).status, (await client.response()).body]).toEqual([100, 'ok'])
  })
})

describe('an answer on a connection that the app closes behind it', () => {
  const LOGIN = 'HTTP/1.1 200 OK\r\nSet-Cookie: sid=1\r\nConnection: close\r\n'
  const ways = [
    ['a chunked body', ['Transfer-Encoding: chunked'], '2\r\nhi\r\n0\r\n\r\n'], ['a late body', ['Content-Length: 2'], 'hi'], ['an expectation', ['Content-Length: 2', 'Expect: 100-continue'], 'hi'],
  ] as const
  const framings = [['a length', `${LOGIN}Content-Length: 7\r\n\r\nwelcome`], ['chunks', `${LOGIN}Transfer-Encoding: chunked\r\n\r\n7\r\nwelcome\r\n0\r\n\r\n`], ['its end', `${LOGIN}\r\nwelcome`]] as const

  it.each(ways.flatMap(([how, headers, body]) => framings.map(([framing, answer]) => ({ how, headers, body, framing, answer }))))('waits for its commit like any other (to a request with $how, framed by $framing)', async ({ headers, body, answer }) => {
    await using app = await rawApp((socket) => {
      let received = ''
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString()
        if (received.endsWith('\r\n\r\n') && headers.some((header) => header.startsWith('Expect'))) socket.write('HTTP/1.1 100 Continue\r\n\r\n')
        if (received.endsWith(body)) socket.end(answer)
      })
    })
    const store = memoryStore({ clock: systemClock })
    const closed = async (): Promise<void> => {
      await until('the app\'s connection is closed', () => app.connections() > 0 && app.sockets.size === 0, 5_000)
      // A whole other round trip: the sidecar has seen it by now too.
      await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    }
    await using sidecar = await runSidecar(app, { store: storeOver(store, { commit: async (...given) => { await closed(); return store.commit(...given) } }) })
    using client = await RawClient.connect(sidecar.address)
    client.send(`POST /login HTTP/1.1\r\nHost: a\r\n${headers.join('\r\n')}\r\n\r\n`)
    if (headers.some((header) => header.startsWith('Expect'))) await client.until('100 Continue\r\n\r\n')
    else await until('the app has the head', () => app.connections() > 0, 5_000)
    const response = await client.send(body).response()
    expect(`${response.status} ${response.body}`).toBe('200 welcome')
    expect(headerValue(response, 'set-cookie')).toContain('unstick=')
  })

  it.each(framings.slice(0, 2))('waits for its commit also when the app resets it, with the answer whole (by %s)', async (_, answer) => {
    await using app = await rawReplies((socket) => { socket.write(answer) })
    const store = memoryStore({ clock: systemClock })
    const reset = async (): Promise<void> => {
      for (const socket of app.sockets) socket.resetAndDestroy()
      await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    }
    await using sidecar = await runSidecar(app, { store: storeOver(store, { commit: async (...given) => { await reset(); return store.commit(...given) } }) })
    // The rest of the body is no longer wanted.
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(`${CHUNKED}5\r\nhello\r\n`).response()).body).toBe('welcome')
  })
})

describe('connections of their own', () => {
  it('count among limits.upstreamConnections, and so do those of the pool among them', async () => {
    const waiting: (() => void)[] = []
    await using app = await httpApp((request, response) => { request.resume(); waiting.push(() => response.end(request.url)) })
    await using sidecar = await runSidecar(app, { limits: { upstreamConnections: 2 } })
    const chunked = (target: string): string => `${CHUNKED.replace(' / ', ` ${target} `)}0\r\n\r\n`
    const answers = [get('/1'), chunked('/2'), chunked('/3'), get('/4')].map((request) => ask(sidecar.address, request))
    for (let answered = 0; answered < 4; answered += 1) {
      await until('the next is there', () => waiting.length > answered, 5_000)
      // A whole other round trip: what would have been sent on has been by now.
      await ask(sidecar.address, 'GARBAGE\r\n\r\n')
      expect(waiting.length - answered).toBeLessThanOrEqual(2)
      waiting[answered]?.()
    }
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['/1', '/2', '/3', '/4'])
  })

  it('are not used twice, whatever a broken app says behind an answer', async () => {
    await using app = await rawReplies((socket) => socket.write(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL`))
    await using sidecar = await runSidecar(app)
    for (let i = 0; i < 3; i += 1) expect((await ask(sidecar.address, `${CHUNKED}0\r\n\r\n`)).body).toBe('ok')
    await until('all are closed', () => app.sockets.size === 0, 5_000)
    expect(app.connections()).toBe(3)
  })
})

describe('an app that fails on a connection of its own', () => {
  const failing = async (app: OriginApp | { address: { host: string; port: number } }, timeoutMs = 10_000): Promise<string | undefined> => {
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: timeoutMs } })
    const { status, headers } = await ask(sidecar.address, `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`)
    return `${status} ${headerValue({ headers }, 'unstick-error')}`
  }

  it('is answered for as on any other: down, broken, silent, no HTTP, too large', async () => {
    expect(await failing({ address: { host: '127.0.0.1', port: await freePort() } })).toBe('502 upstream_unreachable')
    for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
      await using app = await rawReplies((socket) => { socket[how]() })
      expect(await failing(app)).toBe('502 upstream_broke')
    }
    await using silent = await rawReplies(() => undefined)
    expect(await failing(silent, 300)).toBe('504 upstream_timeout')
    for (const bytes of ['SSH-2.0-OpenSSH\r\n', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n', `HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(1_200_000)}\r\n\r\n`]) {
      await using app = await rawReplies((socket) => { socket.end(bytes) })
      expect(await failing(app)).toBe('502 upstream_broke')
    }
  })

  it.each(['Content-Length: 100\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n', 'X-Up-To: the end\r\n\r\nhalf'])('in the middle of its answer never passes for whole (%j)', async (rest) => {
    let broken: () => void = () => undefined
    await using app = await rawReplies((socket) => { socket.write(`HTTP/1.1 200 OK\r\n${rest}`); broken = () => { socket.resetAndDestroy() } })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    await client.send(CHUNKED).until('half')
    broken()
    expect(await client.rest().catch(() => 'reset')).not.toContain('\r\n0\r\n\r\n')
  })

  it('or goes silent there is cut after a while', async () => {
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf') })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 50 } })
    using client = await RawClient.connect(sidecar.address)
    await client.send(CHUNKED).until('half')
    await client.ended()
    await until('the app\'s connection is closed', () => app.sockets.size === 0, 5_000)
  })
})
