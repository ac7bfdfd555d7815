import { describe, expect, it } from 'vitest'
import { bodyOf, httpApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** What the app gets of a request through the sidecar: the head's lines in order, as they are on the wire. */
async function received(request: string): Promise<string[]> {
  let seen = ''
  await using app = await rawReplies((socket, head) => { seen = head; socket.write(OK) })
  await using sidecar = await runSidecar(app)
  expect((await ask(sidecar.address, request)).body).toBe('ok')
  return seen.split('\r\n').slice(0, -2)
}

describe('a request target', () => {
  it.each([
    '/', '/?', '/a/b?x=1&y=%20&x=2', '/a//b/../c/./d', '/%zz%00%', '/a;b=c,d/(e)!*\'$', '/?a[]=1&b={2}|3^4`"<>\\', '//double',
  ])('%s reaches the app unchanged', async (target) => {
    const [line] = await received(get(target))
    expect(line).toBe(`GET ${target} HTTP/1.1`)
  })

  it.each([
    ['of HTTP/1.0 without a Host', 'GET / HTTP/1.0\r\n\r\n'], ['with an empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'], ['with an empty Host, for the server itself', 'OPTIONS * HTTP/1.1\r\nHost:\r\n\r\n'],
  ])('%s has one all the same, as HTTP/1.1 asks for', async (_, bytes) => {
    const lines = await received(bytes)
    expect(lines.map((line) => line.toLowerCase()).filter((line) => line.startsWith('host:'))).toEqual(['host: localhost'])
  })

  it('in absolute form becomes a path, and its host replaces the Host header', async () => {
    const [line, ...headers] = await received('GET http://other.example:8080/a?b=c HTTP/1.1\r\nHost: app.example\r\n\r\n')
    expect(line).toBe('GET /a?b=c HTTP/1.1')
    expect(headers.filter((header) => /^host:/i.test(header))).toEqual(['host: other.example:8080'])
    expect(headers).toContain('X-Forwarded-Host: other.example:8080')
  })

  it.each([['http://other.example', '/'], ['http://other.example?x=1', '/?x=1'], ['HTTPS://other.example/p', '/p']])('%s becomes %s', async (target, path) => {
    expect((await received(get(target)))[0]).toBe(`GET ${path} HTTP/1.1`)
  })
})

describe('a request method', () => {
  it.each(['GET', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'M-SEARCH', 'PURGE', 'MKCALENDAR', 'SUBSCRIBE', 'QUERY', 'TRACE'])('%s reaches the app', async (method) => {
    expect((await received(get('/', [], method)))[0]).toBe(`${method} / HTTP/1.1`)
  })

  it.each(['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'PROPFIND'])('%s carries a body, with a length and chunked', async (method) => {
    await using app = await httpApp((request, response) => { void bodyOf(request).then((body) => response.end(`${request.method} ${body}`)) })
    await using sidecar = await runSidecar(app)
    const plain = await ask(sidecar.address, `${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello`)
    const chunked = await ask(sidecar.address, `${method} / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nh\r\n0004\r\nello\r\n0\r\nTrailer-Field: x\r\n\r\n`)
    expect([plain.body, chunked.body]).toEqual([`${method} hello`, `${method} hello`])
  })

  it.each(['POST', 'PUT'])('%s with an empty body keeps its Content-Length: 0', async (method) => {
    const lines = await received(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
    expect(lines.filter((line) => /^content-length/i.test(line)).map((line) => line.toLowerCase())).toEqual(['content-length: 0'])
  })
})

describe('request headers', () => {
  it('keep their order, case, number and empty values', async () => {
    const sent = ['aCCept: */*', 'X-Twice: 1', 'x-other: a,  b', 'X-TWICE: 2', 'X-Empty: ', 'Authorization: Basic Og==', 'If-None-Match: "x", W/"y"', 'Range: bytes=0-1,5-', 'x-twice: 3', 'Trailer: T', 'Via: 1.1 lb']
    const lines = await received(get('/', sent))
    expect(lines.filter((line) => sent.includes(line))).toEqual(sent)
  })

  it('keep their bytes, whether Latin-1 or UTF-8', async () => {
    const latin1 = 'X-Latin: caf\u00e9 \u00ff\u0080'
    const utf8 = `X-Utf8: ${Buffer.from('\u{1f36a} žluťoučký').toString('latin1')}`
    const lines = await received(get('/', [latin1, utf8]))
    expect(lines).toContain(latin1)
    expect(lines).toContain(utf8)
  })

  it('keep a client\'s own cookies byte for byte when none of them is ours', async () => {
    const cookie = 'a=1;b="x y" ; novalue;  c=d=e;=f; \u00e9=\u00fc; a=2'
    expect(await received(get('/', [`Cookie: ${cookie}`]))).toContain(`Cookie: ${cookie}`)
  })

  it('of one hop stay on that hop', async () => {
    const lines = await received(get('/', ['Connection: keep-alive, X-Gone, upgrade', 'X-Gone: 1', 'Keep-Alive: timeout=9', 'TE: gzip', 'Proxy-Authorization: x', 'Proxy-Connection: close', 'Upgrade: foo', 'X-Stays: 1']))
    expect(lines.map((line) => line.toLowerCase())).toEqual(expect.not.arrayContaining([expect.stringMatching(/^(?:x-gone|keep-alive|te|proxy-|upgrade)/)]))
    expect(lines).toContain('X-Stays: 1')
  })

  it('tell the app who asked', async () => {
    const lines = await received(get('/'))
    expect(lines).toEqual(expect.arrayContaining(['X-Forwarded-For: 127.0.0.1', 'X-Forwarded-Proto: http', 'X-Forwarded-Host: app.example', 'Forwarded: for=127.0.0.1;host=app.example;proto=http']))
  })

  it('may be as large as limits.header, and are refused with 431 too_large above it', async () => {
    let seen = ''
    await using app = await rawReplies((socket, head) => { seen = head; socket.write(OK) })
    await using sidecar = await runSidecar(app, { limits: { headerBytes: 32 * 1024 } })
    const fits = [`X-Big: ${'x'.repeat(16_000)}`, `X-More: ${'y'.repeat(16_000)}`]
    expect((await ask(sidecar.address, get('/', fits))).status).toBe(200)
    expect(seen.split('\r\n')).toEqual(expect.arrayContaining(fits))
    seen = ''
    const large = await ask(sidecar.address, get('/', [`X-Big: ${'x'.repeat(33_000)}`]))
    expect([large.status, headerValue(large, 'unstick-error'), headerValue(large, 'connection')]).toEqual([431, 'too_large', 'close'])
    expect(seen).toBe('')
  })

  it('may be as many as fit into limits.header, and the last of them counts', async () => {
    const many = Array.from({ length: 2_500 }, (_, i) => `h${i}: ${i % 10}`)
    const lines = await received(get('/', many))
    expect(lines.filter((line) => /^h\d/.test(line))).toEqual(many)
    await using app = await rawReplies((socket, head) => { if (/content-length: 5/i.test(head)) socket.write(OK); else socket.end() })
    await using sidecar = await runSidecar(app)
    expect((await ask(sidecar.address, `POST / HTTP/1.1\r\nHost: a\r\n${many.join('\r\n')}\r\nContent-Length: 5\r\n\r\nhello`)).body).toBe('ok')
  })
})

describe('connections of clients', () => {
  it('carry many requests, one after another', async () => {
    await using app = await httpApp((request, response) => { response.end(request.url) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    for (let i = 0; i < 50; i += 1) expect((await client.send(get(`/${i}`)).response()).body).toBe(`/${i}`)
    expect(app.connections()).toBe(1)
  })

  it('carry pipelined requests, answered in order whatever the app\'s order is', async () => {
    const waiting = new Map<string, () => void>()
    await using app = await httpApp((request, response) => {
      waiting.set(request.url ?? '', () => response.end(request.url))
      if (waiting.size === 3) for (const target of ['/3', '/1', '/2']) waiting.get(target)?.()
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/1') + get('/2') + get('/3'))
    expect([await client.response(), await client.response(), await client.response()].map(({ body }) => body)).toEqual(['/1', '/2', '/3'])
  })

  it('close when the client asks for it', async () => {
    await using app = await httpApp((_, response) => { response.end('bye') })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    const response = await client.send(get('/', ['Connection: close'])).response()
    expect([response.body, headerValue(response, 'connection')]).toEqual(['bye', 'close'])
    expect(await client.ended()).toBe('closed')
    expect(headerValues({ headers: app.requests[0]?.headers ?? [] }, 'connection')).toEqual(['keep-alive'])
  })
})

describe('a client that speaks HTTP/1.0', () => {
  it('gets a body of unknown length up to the connection\'s end, unchunked', async () => {
    await using app = await httpApp((_, response) => { response.write('a'); response.end('b') })
    await using sidecar = await runSidecar(app)
    const response = await ask(sidecar.address, 'GET / HTTP/1.0\r\n\r\n')
    expect([response.body, headerValue(response, 'transfer-encoding'), headerValue(response, 'connection')]).toEqual(['ab', undefined, 'close'])
  })

  it('may keep its connection where lengths are known', async () => {
    await using app = await httpApp((request, response) => { response.setHeader('Content-Length', 2).end(request.url) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    for (const target of ['/1', '/2']) expect((await client.send(`GET ${target} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`).response()).body).toBe(target)
  })

  it('gets no 1xx and no trailers', async () => {
    await using app = await rawReplies((socket) => socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 200 OK\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n'))
    await using sidecar = await runSidecar(app)
    const response = await ask(sidecar.address, 'GET / HTTP/1.0\r\n\r\n')
    expect([response.statusLine, response.body]).toEqual(['HTTP/1.1 200 OK', 'ok'])
  })
})
