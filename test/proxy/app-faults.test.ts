import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { freePort } from '../support/ports.ts'
import { httpApp, rawApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, RawClient, type RawResponse } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'

/** An answer of unstick's own: its code, one line of text, no stack. */
function expectOwnAnswer(response: RawResponse, status: number, code: string): void {
  expect([response.status, headerValue(response, 'unstick-error')]).toEqual([status, code])
  expect(headerValue(response, 'content-type')).toBe('text/plain; charset=utf-8')
  expect(headerValue(response, 'cache-control')).toBe('no-store')
  expect(response.body).toMatch(/^[A-Z][^\n]+\.\n$|^[A-Z][^\n]+\?\n$|^[A-Z][^\n]+right\?\n$/)
  expect(response.body).not.toMatch(/\bat \S+ \(|\.ts:|node:/)
  expect(headerValue(response, 'retry-after')).toBe(status === 503 ? expect.stringMatching(/^\d+$/) : undefined)
}

const breakNow = { reset: (socket: Socket) => socket.resetAndDestroy(), close: (socket: Socket) => socket.end() }

describe('an app that is down', () => {
  it('is answered for with 502 upstream_unreachable', async () => {
    await using sidecar = await runSidecar({ host: '127.0.0.1', port: await freePort() })
    const response = await ask(sidecar.address, get('/'))
    expectOwnAnswer(response, 502, 'upstream_unreachable')
    expect(response.statusLine).toBe('HTTP/1.1 502 Bad Gateway')
  })

  it('costs the client neither its connection nor its next request', async () => {
    const port = await freePort()
    await using sidecar = await runSidecar({ host: '127.0.0.1', port })
    using client = await RawClient.connect(sidecar.address)
    for (let i = 0; i < 3; i += 1) expectOwnAnswer(await client.send(get('/')).response(), 502, 'upstream_unreachable')
    expectOwnAnswer(await client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello').response(), 502, 'upstream_unreachable')
  })

  it('answers a HEAD without a body', async () => {
    await using sidecar = await runSidecar({ host: '127.0.0.1', port: await freePort() })
    using client = await RawClient.connect(sidecar.address)
    const response = await client.send(get('/', ['Connection: close'], 'HEAD')).response({ bodiless: true })
    expect(headerValue(response, 'unstick-error')).toBe('upstream_unreachable')
    expect(await client.rest()).toBe('')
  })
})

describe('an app that breaks before its head', () => {
  it.each(['reset', 'close'] as const)('by a %s is answered for with 502 upstream_broke, and is not asked again', async (how) => {
    let heads = 0
    await using app = await rawReplies((socket) => { heads += 1; breakNow[how](socket) })
    await using sidecar = await runSidecar(app)
    for (const method of ['GET', 'POST', 'DELETE']) expectOwnAnswer(await ask(sidecar.address, get('/', [], method)), 502, 'upstream_broke')
    expect(heads).toBe(3)
  })

  it.each(['reset', 'close'] as const)('by a %s in the middle of its head, likewise', async (how) => {
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nX-Half: ', () => breakNow[how](socket)) })
    await using sidecar = await runSidecar(app)
    expectOwnAnswer(await ask(sidecar.address, get('/')), 502, 'upstream_broke')
  })

  it.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n'], ['a bad status line', 'HTTP/1.1 OK 200\r\n\r\n'], ['a space in a header\'s name', 'HTTP/1.1 200 OK\r\nX Y: 1\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx'], ['a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a NUL in a header', 'HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 0\r\n\r\n'], ['a control character in a header', 'HTTP/1.1 200 OK\r\nX-C: a\u0001b\r\nContent-Length: 0\r\n\r\n'],
    ['a switch of protocols that nobody asked for', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n'],
  ])('with %s is answered for with 502 upstream_broke', async (_, bytes) => {
    await using app = await rawReplies((socket) => { socket.end(Buffer.from(bytes, 'latin1')) })
    await using sidecar = await runSidecar(app)
    expectOwnAnswer(await ask(sidecar.address, get('/')), 502, 'upstream_broke')
  })

  it('with more header than limits allow is answered for with 502 upstream_broke', async () => {
    await using app = await rawReplies((socket) => { socket.write(`HTTP/1.1 200 OK\r\nX-Big: ${'x'.repeat(100_000)}\r\nContent-Length: 0\r\n\r\n`) })
    await using sidecar = await runSidecar(app, { limits: { headerBytes: 32 * 1024, entryBytes: 32 * 1024 } })
    expectOwnAnswer(await ask(sidecar.address, get('/')), 502, 'upstream_broke')
  })
})

describe('an app that breaks after its head', () => {
  const heads = {
    'a length': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf',
    'a length and Connection: close': 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 100\r\n\r\nhalf',
    'chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'chunks and Connection: close': 'HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
    'the middle of a chunk': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nhalf',
    'the last chunk without its end': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n',
    'a chunk size that is none': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nZZ\r\n',
  }
  it.each(Object.keys(heads).flatMap((what) => (['reset', 'close'] as const).map((how) => ({ what: what as keyof typeof heads, how }))))(
    'by a $how in $what never passes for whole', async ({ what, how }) => {
      let broken: () => void = () => undefined
      await using app = await rawReplies((socket) => { socket.write(heads[what]); broken = () => { breakNow[how](socket) } })
      await using sidecar = await runSidecar(app)
      using client = await RawClient.connect(sidecar.address)
      const seen = client.send(get('/'))
      if (what !== 'a chunk size that is none') await seen.until('half')
      broken()
      // Its framing is not complete, so that no client can take it for whole; nothing else comes behind it.
      await expect(client.response()).rejects.toThrow(/was (?:closed|reset) before/)
    })

  it('by a reset in a body up to the connection\'s end never passes for whole', async () => {
    let broken: () => void = () => undefined
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhalf'); broken = () => { socket.resetAndDestroy() } })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    await client.send(get('/')).until('half\r\n')
    broken()
    expect(await client.rest().catch(() => 'reset')).not.toContain('0\r\n\r\n')
  })

  it('is not passed off as whole to a client of HTTP/1.0 either, whose body ends with the connection', async () => {
    let broken: () => void = () => undefined
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'); broken = () => { socket.resetAndDestroy() } })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    await client.send('GET / HTTP/1.0\r\n\r\n').until('half')
    broken()
    expect(await client.ended()).toBe('reset')
  })

  it('having sent all of it is no fault', async () => {
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole', () => socket.resetAndDestroy()) })
    await using sidecar = await runSidecar(app)
    for (let i = 0; i < 20; i += 1) expect((await ask(sidecar.address, get('/'))).body).toBe('whole')
  })
})

describe('an app that sends a body to a HEAD', () => {
  it('late, as if it were an answer, does not get it to whoever asks next', async () => {
    let asked: Socket | undefined
    await using app = await rawReplies((socket, head) => {
      if (head.startsWith('HEAD')) {
        asked = socket
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n')
        return
      }
      asked?.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nEVIL!')
      setImmediate(() => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nalice'))
    })
    await using sidecar = await runSidecar(app, { limits: { upstreamConnections: 1 } })
    expect((await ask(sidecar.address, get('/', [], 'HEAD'), { bodiless: true })).status).toBe(200)
    expect((await ask(sidecar.address, get('/'))).body).toBe('alice')
  })
})

describe('an app that is slow', () => {
  it('to answer is answered for with 504 upstream_timeout, and its connection is closed', async () => {
    await using app = await rawReplies(() => undefined)
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 300 } })
    expectOwnAnswer(await ask(sidecar.address, get('/')), 504, 'upstream_timeout')
    await until('the app\'s connection is closed', () => app.sockets.size === 0, 5_000)
  })

  it('for all connections is answered for with 504 upstream_timeout, and what waited is never sent', async () => {
    const waiting = new Map<string, () => void>()
    await using app = await httpApp((request, response) => { waiting.set(request.url ?? '', () => response.end(request.url)) })
    await using sidecar = await runSidecar(app, { limits: { upstreamConnections: 2, upstreamTimeoutMs: 1_000 } })
    const busy = ['/a', '/b'].map((target) => ask(sidecar.address, get(target)))
    await until('both connections are busy', () => waiting.size === 2, 5_000)
    expectOwnAnswer(await ask(sidecar.address, get('/c')), 504, 'upstream_timeout')
    for (const answer of waiting.values()) answer()
    await Promise.all(busy)
    const next = ask(sidecar.address, get('/d'))
    await until('there is room again', () => waiting.has('/d'), 5_000)
    waiting.get('/d')?.()
    expect((await next).body).toBe('/d')
    expect(app.requests.map(({ target }) => target)).not.toContain('/c')
  })
})

describe('a request that may have reached the app', () => {
  it('is delivered once at most, when the app closes its kept connections as requests go out', async () => {
    const delivered = new Map<string, number>()
    // Answers one request on each connection, and closes it a moment later, without having said so.
    await using app = await rawApp((socket) => {
      let received = ''
      socket.on('data', (chunk: Buffer) => {
        received += chunk.toString('latin1')
        const body = /\r\n\r\n(\w+)$/.exec(received)?.[1]
        if (body === undefined) return
        delivered.set(body, (delivered.get(body) ?? 0) + 1)
        received = ''
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', () => setImmediate(() => socket.end()))
      })
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    let answered = 0
    for (let i = 0; i < 300; i += 1) {
      const body = `n${i}`
      const response = await client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`).response()
      if (response.status === 200) answered += 1
      else expectOwnAnswer(response, 502, 'upstream_broke')
      expect(delivered.get(body) ?? 0).toBeLessThanOrEqual(1)
    }
    expect(answered).toBeGreaterThan(0)
  })
})
