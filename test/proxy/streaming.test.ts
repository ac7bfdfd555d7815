import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { afterAll, describe, expect, it } from 'vitest'
import { freePort } from '../support/ports.ts'
import { bodyOf, httpApp, rawApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, RawClient } from '../support/raw-client.ts'
import { type Overrides, runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'unstick-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

const files: Overrides = { files: [{ cookie: 'PHPSESSID', id: undefined, path: `${folder}/sess_{id}`, render: (id) => join(folder, `sess_${id}`) }] }
const MB = 1024 ** 2
/** What the sockets between client and app may hold: the kernel's buffers on four ends, and one highWaterMark or so in between. */
const IN_FLIGHT = 32 * MB

const upload = (length: number, headers = ''): string => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n${headers}\r\n`

/** Resolves when `count` has not moved for a while: nobody takes any more. */
async function settled(count: () => number): Promise<number> {
  let last = -1
  let since = performance.now()
  await until('it stops moving', () => {
    if (count() !== last) { last = count(); since = performance.now() }
    return performance.now() - since > 400
  }, 20_000)
  return last
}

describe('an event stream', () => {
  it.each([['without carriers that commit at the end', {}], ['with session files, which are committed at its end', files]])('passes event by event %s', async (_, overrides) => {
    let stream: ServerResponse | undefined
    await using app = await httpApp((_, response) => { stream = response.writeHead(200, { 'Content-Type': 'text/event-stream' }); stream.flushHeaders() })
    await using sidecar = await runSidecar(app, overrides)
    using client = await RawClient.connect(sidecar.address)
    expect(headerValue(await client.send(get('/events')).head(), 'content-type')).toBe('text/event-stream')
    for (let i = 0; i < 5; i += 1) {
      stream?.write(`data: ${i}\n\n`)
      expect(await client.until('\n\n\r\n')).toContain(`data: ${i}`)
    }
    stream?.end()
    await client.until('0\r\n\r\n')
  })
})

describe('a download', () => {
  it('of 64 MB arrives whole', async () => {
    const piece = Buffer.alloc(MB, 'x')
    await using app = await httpApp((_, response) => {
      let sent = 0
      const more = (): void => { while (sent < 64) { sent += 1; if (!response.write(piece)) { response.once('drain', more); return } } response.end() }
      more()
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    let total = 0
    client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => { total += chunk.length })
    client.send(get('/', ['Connection: close']))
    await once(client.socket, 'end')
    expect(total).toBeGreaterThan(64 * MB)
  })

  it.each([['chunked', 'Transfer-Encoding: chunked'], ['with a length', `Content-Length: ${1024 * MB}`]])('%s that the client does not read stops the app from writing', async (_, framing) => {
    let written = 0
    await using app = await rawApp((socket: Socket) => {
      const piece = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536), Buffer.from('\r\n')])
      const chunk = framing.startsWith('Content') ? Buffer.alloc(65_536) : piece
      socket.once('data', () => {
        socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`)
        const more = (): void => { for (;;) { written += chunk.length; if (written > 200 * MB || !socket.write(chunk)) break } socket.once('drain', more) }
        more()
      })
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.socket.pause()
    client.send(get('/'))
    const stuckAt = await settled(() => written)
    expect(stuckAt).toBeGreaterThan(0)
    expect(stuckAt).toBeLessThan(IN_FLIGHT)
    let read = 0
    client.socket.removeAllListeners('data').on('data', (data: Buffer) => { read += data.length })
    client.socket.resume()
    await until('it flows again', () => read > stuckAt + MB, 10_000)
  })

  it('whose client never reads it is given up after the upstream timeout, and the app\'s connection too', async () => {
    await using app = await httpApp((_, response) => {
      const more = (): void => { while (response.write(Buffer.alloc(65_536))); response.once('drain', more) }
      more()
    })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 600 } })
    using client = await RawClient.connect(sidecar.address)
    client.socket.pause()
    client.send(get('/'))
    await until('it began', () => app.sockets.size === 1, 5_000)
    await until('the app\'s connection is closed', () => app.sockets.size === 0, 15_000)
  })
})

describe('an upload', () => {
  it('of 64 MB arrives whole, with a length and chunked', async () => {
    await using app = await httpApp((request, response) => {
      let total = 0
      request.on('data', (chunk: Buffer) => { total += chunk.length }).on('end', () => response.end(String(total)))
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(upload(64 * MB))
    for (let i = 0; i < 64; i += 1) client.send(Buffer.alloc(MB))
    expect((await client.response()).body).toBe(String(64 * MB))
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n')
    for (let i = 0; i < 64; i += 1) client.send('100000\r\n').send(Buffer.alloc(MB)).send('\r\n')
    expect((await client.send('0\r\n\r\n').response()).body).toBe(String(64 * MB))
  })

  it('that the app does not read stops the client from writing, and goes on when it does', async () => {
    let resume: () => void = () => undefined
    await using app = await httpApp((request, response) => {
      resume = () => { request.resume() }
      request.on('end', () => response.end('all of it')).pause()
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    const total = 200 * MB
    client.send(upload(total))
    let written = 0
    const more = (): void => {
      while (written < total) {
        written += 65_536
        if (!client.socket.write(Buffer.alloc(65_536))) { client.socket.once('drain', more); return }
      }
    }
    more()
    const stuckAt = await settled(() => written)
    expect(stuckAt).toBeLessThan(IN_FLIGHT)
    resume()
    expect((await client.response()).body).toBe('all of it')
  })

  it('that trickles in more slowly than the upstream timeout in all, but never stops for as long, passes', async () => {
    await using app = await httpApp((request, response) => { void bodyOf(request).then((body) => response.end(body)) })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 700 } })
    using client = await RawClient.connect(sidecar.address)
    client.send(upload(20))
    const began = performance.now()
    let sent = 0
    await until('all is sent', () => {
      if (performance.now() - began > sent * 100) { client.send('x'); sent += 1 }
      return sent === 20
    }, 10_000)
    expect(performance.now() - began).toBeGreaterThan(1_400)
    expect((await client.response()).body).toBe('x'.repeat(20))
  })

  it('that stops for the upstream timeout is answered with 400 bad_request, and the app sees its connection close', async () => {
    let closed = false
    await using app = await httpApp((request) => { request.resume().on('close', () => { closed = true }) })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 400 } })
    using client = await RawClient.connect(sidecar.address)
    const response = await client.send(`${upload(20)}half`).response()
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
    await until('the app\'s connection is closed', () => closed, 5_000)
    await client.ended()
  })

  it('that the app never reads is answered with 504 upstream_timeout, and not blamed on the client', async () => {
    await using app = await rawApp((socket) => { socket.pause() })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 600 } })
    using client = await RawClient.connect(sidecar.address)
    const response = await client.send(upload(64 * MB)).send(Buffer.alloc(64 * MB)).response()
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([504, 'upstream_timeout'])
  })

  it('is answered before it is whole when the app does so, and the connection serves on after it', async () => {
    await using app = await httpApp((request, response) => {
      if (request.method === 'GET') response.end('next')
      else { response.writeHead(413, { 'Content-Length': 8 }).end('too much'); request.resume() }
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    const early = await client.send(`${upload(10 * MB)}some`).response()
    expect([early.status, early.body, headerValue(early, 'unstick-error')]).toEqual([413, 'too much', undefined])
    client.send(Buffer.alloc(10 * MB - 4, 'x'))
    expect((await client.send(get('/')).response()).body).toBe('next')
  })

  it('is answered early by an app that closes its connection at once, too', async () => {
    await using app = await rawApp((socket) => { socket.once('data', () => socket.end('HTTP/1.1 413 Too Much\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much')) })
    await using sidecar = await runSidecar(app)
    for (let i = 0; i < 10; i += 1) {
      using client = await RawClient.connect(sidecar.address)
      client.send(upload(10 * MB)).send(Buffer.alloc(MB)).send(Buffer.alloc(MB))
      expect(await client.response()).toMatchObject({ status: 413, body: 'too much' })
    }
  })

  it('to an app that is down is answered while it is still being sent', async () => {
    await using sidecar = await runSidecar({ host: '127.0.0.1', port: await freePort() })
    for (let i = 0; i < 10; i += 1) {
      using client = await RawClient.connect(sidecar.address)
      client.send(upload(10 * MB)).send(Buffer.alloc(MB)).send(Buffer.alloc(MB))
      expect(headerValue(await client.response(), 'unstick-error')).toBe('upstream_unreachable')
    }
  })

  it('with a malformed chunk in the middle is answered with 400 bad_request, and the app never sees its end', async () => {
    let ended = false
    let closed = false
    await using app = await httpApp((request) => { request.resume().on('end', () => { ended = true }).on('close', () => { closed = true }) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n')
    await until('the app has it', () => app.requests.length === 1, 5_000)
    const response = await client.send('bad\n\r\n').response()
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
    await until('the app\'s connection is closed', () => closed, 5_000)
    expect(ended).toBe(false)
  })
})

describe('Expect: 100-continue', () => {
  it('is the app\'s to meet: its 100 passes, and the body follows', async () => {
    await using app = await httpApp((request, response) => { void bodyOf(request).then((body) => response.end(`${body} ${request.headers.expect}`)) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(upload(5, 'Expect: 100-continue\r\n')).response()).statusLine).toBe('HTTP/1.1 100 Continue')
    expect((await client.send('hello').response()).body).toBe('hello 100-continue')
  })

  it('is the app\'s to refuse: its answer passes at once, and no body is asked for', async () => {
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 401 Who Are You\r\nContent-Length: 3\r\n\r\nwho') })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    expect(await client.send(upload(5, 'Expect: 100-continue\r\n')).response()).toMatchObject({ status: 401, body: 'who' })
    await until('the app\'s connection is closed', () => app.sockets.size === 0, 5_000)
  })

  it('that the app never meets is answered with 504 upstream_timeout, unless the client goes ahead', async () => {
    await using app = await rawReplies((socket, head) => { if (head.includes('/ahead')) socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')) })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 500 } })
    const response = await ask(sidecar.address, upload(5, 'Expect: 100-continue\r\n'))
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([504, 'upstream_timeout'])
    using client = await RawClient.connect(sidecar.address)
    client.send(upload(5, 'Expect: 100-continue\r\n').replace(' / ', ' /ahead '))
    await until('the app has the head', () => app.connections() === 2, 5_000)
    expect((await client.send('hello').response()).body).toBe('ok')
  })

  it('that is met, but by no body, is the client\'s fault: 400 bad_request', async () => {
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 100 Continue\r\n\r\n') })
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 500 } })
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(upload(5, 'Expect: 100-continue\r\n')).response()).status).toBe(100)
    const response = await client.response()
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
  })

  it('is not met when the app is down: 502, without 100', async () => {
    await using sidecar = await runSidecar({ host: '127.0.0.1', port: await freePort() })
    const response = await ask(sidecar.address, upload(5, 'Expect: 100-continue\r\n'))
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([502, 'upstream_unreachable'])
  })

  it('is not met while all connections to the app are busy', async () => {
    let finish: () => void = () => undefined
    await using app = await httpApp((request, response) => {
      if (request.method === 'GET') finish = () => { response.end('done') }
      else void bodyOf(request).then((body) => response.end(body))
    })
    await using sidecar = await runSidecar(app, { limits: { upstreamConnections: 1 } })
    const busy = ask(sidecar.address, get('/'))
    await until('the connection is busy', () => app.requests.length === 1, 5_000)
    using client = await RawClient.connect(sidecar.address)
    client.send(upload(5, 'Expect: 100-continue\r\n'))
    // A whole other round trip: what would have been answered at once has been by now.
    expect((await ask(sidecar.address, 'GARBAGE\r\n\r\n')).status).toBe(400)
    expect(client.pending).toBe('')
    finish()
    expect((await busy).body).toBe('done')
    expect((await client.response()).status).toBe(100)
    expect((await client.send('hello').response()).body).toBe('hello')
  })

  it('of anything else is left to the app to ignore', async () => {
    await using app = await httpApp((request, response) => { void bodyOf(request).then((body) => response.end(body)) })
    await using sidecar = await runSidecar(app)
    expect(await ask(sidecar.address, `${upload(5, 'Expect: 200-ok\r\n')}hello`)).toMatchObject({ status: 200, body: 'hello' })
  })

  it('over HTTP/1.0 means nothing', async () => {
    await using app = await httpApp((request, response) => { void bodyOf(request).then((body) => response.end(body)) })
    await using sidecar = await runSidecar(app)
    expect(await ask(sidecar.address, 'POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello')).toMatchObject({ status: 200, body: 'hello' })
  })
})
