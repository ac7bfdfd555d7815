import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { bodyOf, httpApp } from '../support/origin-app.ts'
import { freePorts } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { ask, get, headerValue, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: app.example\r\n\r\n'
const post = (headers: string, body: string): string => `POST / HTTP/1.1\r\nHost: app.example\r\n${headers}\r\n\r\n${body}`

/** Sends bytes, hangs up when the sidecar does or a whole answer is there, and tells what came of them. */
async function attempt(bytes: string): Promise<{ status: number; code: string | undefined; targets: string[]; bodies: string[] }> {
  const bodies: string[] = []
  await using app = await httpApp((request, response) => {
    void bodyOf(request).then((body) => { bodies.push(body); response.end('app') }, () => undefined)
  })
  await using sidecar = await runSidecar(app)
  using client = await RawClient.connect(sidecar.address)
  const response = await client.send(bytes).response()
  // Whatever else the bytes set off would have reached the app before this does.
  await ask(sidecar.address, get('/marker'))
  const targets = app.requests.map(({ target }) => target).filter((target) => target !== '/marker')
  return { status: response.status, code: headerValue(response, 'unstick-error'), targets, bodies: bodies.filter((body) => body !== '') }
}

describe('a request that servers read in different ways is refused, and nothing of it reaches the app', () => {
  it.each([
    ['a length and chunks', post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['chunks and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 6', `0\r\n\r\n${SMUGGLED}`)],
    ['two lengths', post('Content-Length: 0\r\nContent-Length: 46', SMUGGLED)],
    ['two equal lengths', post('Content-Length: 5\r\nContent-Length: 5', `hello${SMUGGLED}`)],
    ['a list of lengths', post('Content-Length: 5, 5', `hello${SMUGGLED}`)],
    ['a signed length', post('Content-Length: +5', `hello${SMUGGLED}`)],
    ['a negative length', post('Content-Length: -1', SMUGGLED)],
    ['a length in hex', post('Content-Length: 0x5', `hello${SMUGGLED}`)],
    ['a length with a space in it', post('Content-Length: 4 2', SMUGGLED)],
    ['an empty length', post('Content-Length:', SMUGGLED)],
    ['a length beyond 64 bits', post('Content-Length: 99999999999999999999', SMUGGLED)],
    ['a space before the colon of the length', post('Content-Length : 5', `hello${SMUGGLED}`)],
    ['a space before the colon of the coding', post('Transfer-Encoding : chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['gzip, then chunks', post('Transfer-Encoding: gzip, chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['chunks, then gzip', post('Transfer-Encoding: chunked, gzip', `0\r\n\r\n${SMUGGLED}`)],
    ['gzip alone', post('Transfer-Encoding: gzip', SMUGGLED)],
    ['identity', post('Transfer-Encoding: identity', SMUGGLED)],
    ['chunked twice in one', post('Transfer-Encoding: chunked, chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['chunked twice in two', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['chunked and something', post('Transfer-Encoding: chunked\r\nTransfer-Encoding: x', `0\r\n\r\n${SMUGGLED}`)],
    ['something and chunked', post('Transfer-Encoding: x\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['xchunked', post('Transfer-Encoding: xchunked', SMUGGLED)],
    ['"chunked" in quotes', post('Transfer-Encoding: "chunked"', `0\r\n\r\n${SMUGGLED}`)],
    ['chunked with a vertical tab', post('Transfer-Encoding: \u000bchunked', `0\r\n\r\n${SMUGGLED}`)],
    ['chunked with a parameter', post('Transfer-Encoding: chunked;a=b', `0\r\n\r\n${SMUGGLED}`)],
    ['an empty coding', post('Transfer-Encoding:', SMUGGLED)],
    ['chunks over HTTP/1.0', `POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ['a folded field', `GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n X-Session-User: admin\r\n\r\n${SMUGGLED}`],
    ['a folded coding', post('Transfer-Encoding:\r\n chunked', `0\r\n\r\n${SMUGGLED}`)],
    ['a bare LF in the head', `GET / HTTP/1.1\nHost: a\n\n${SMUGGLED}`],
    ['a bare LF after one header', `GET / HTTP/1.1\r\nHost: a\r\nX-A: b\nContent-Length: 5\r\n\r\n${SMUGGLED}`],
    ['a bare CR in a header', `GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rContent-Length: 46\r\n\r\n${SMUGGLED}`],
    ['a NUL in a header', `GET / HTTP/1.1\r\nHost: a\r\nX-A: a\0b\r\n\r\n${SMUGGLED}`],
    ['a NUL in a name', `GET / HTTP/1.1\r\nHost: a\r\nX\0A: a\r\n\r\n${SMUGGLED}`],
    ['a NUL in the target', `GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['a control character in a header', `GET / HTTP/1.1\r\nHost: a\r\nX-A: a\u0001b\r\n\r\n${SMUGGLED}`],
    ['a byte beyond ASCII in the target', `GET /\u00e9 HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['a header without a name', `GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n${SMUGGLED}`],
    ['a header without a colon', `GET / HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n${SMUGGLED}`],
    ['a space in a name', `GET / HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n${SMUGGLED}`],
    ['a space before the first header', `GET / HTTP/1.1\r\n Host: a\r\n\r\n${SMUGGLED}`],
    ['a space in the target', `GET /a b HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['two Hosts', `GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${SMUGGLED}`],
    ['two equal Hosts', `GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n${SMUGGLED}`],
    ['no Host', `GET / HTTP/1.1\r\n\r\n${SMUGGLED}`],
    ['a Host with a path', `GET / HTTP/1.1\r\nHost: a/b\r\n\r\n${SMUGGLED}`],
    ['a Host with a list', `GET / HTTP/1.1\r\nHost: a, b\r\n\r\n${SMUGGLED}`],
    ['a Host with a user', `GET / HTTP/1.1\r\nHost: user@a\r\n\r\n${SMUGGLED}`],
    ['a target that is neither path nor URL', `GET index.html HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['a target of another scheme', `GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['a target with a user', `GET http://user@a/ HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['a star for a GET', `GET * HTTP/1.1\r\nHost: a\r\n\r\n${SMUGGLED}`],
    ['HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`],
    ['HTTP/1.2', `GET / HTTP/1.2\r\nHost: a\r\n\r\n`],
    ['HTTP/0.9', `GET /\r\n\r\n`],
    ['an unknown method', `GETT / HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['a method in lower case', `get / HTTP/1.1\r\nHost: a\r\n\r\n`],
    ['TLS', '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    expect(await attempt(bytes)).toEqual({ status: 400, code: 'bad_request', targets: [], bodies: [] })
  })

  it.each([
    ['a size that is none', 'xyz\r\nhello\r\n0\r\n\r\n'], ['a negative size', '-5\r\nhello\r\n0\r\n\r\n'], ['a size in 0x', '0x5\r\nhello\r\n0\r\n\r\n'], ['an empty size', '\r\nhello\r\n0\r\n\r\n'],
    ['a size beyond 64 bits', 'fffffffffffffffff\r\nhello\r\n0\r\n\r\n'], ['a size with a space before it', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['a chunk longer than it says', '3\r\nhello\r\n0\r\n\r\n'], ['a chunk that ends in LF', '5\r\nhello\n0\r\n\r\n'], ['a size that ends in LF', '5\nhello\r\n0\r\n\r\n'],
    ['an extension with a bare LF', `5;a\nb\r\nhello\r\n0\r\n\r\n`], ['an extension with a bare CR', '5;a\rb\r\nhello\r\n0\r\n\r\n'],
    ['a flood of extensions', `5;${'x'.repeat(200_000)}\r\nhello\r\n0\r\n\r\n`],
  ])('in its chunks: %s', async (_, body) => {
    const { status, code, bodies, targets } = await attempt(post('Transfer-Encoding: chunked', `${body}${SMUGGLED}`))
    expect([code, bodies]).toEqual(['bad_request', []])
    expect(status).toBe(400)
    expect(targets).not.toContain('/smuggled')
  })

  it('CONNECT', async () => {
    expect(await attempt('CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n')).toMatchObject({ status: 400, code: 'bad_request', targets: [] })
  })
})

describe('a Node that was told to read leniently', () => {
  it('refuses what has two readings all the same', async () => {
    await using app = await httpApp((request, response) => { request.resume().on('end', () => response.end('app')) })
    if ('unix' in app.address) throw new Error('a port was expected')
    const [port = 0, admin = 0] = await freePorts(2)
    await using folder = await temporaryFolder()
    const config = join(folder.path, 'unstick.yaml')
    writeFileSync(config, `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${app.address.port}\nstore: "memory:"\napp: flask\nadmin: { listen: "127.0.0.1:${admin}" }\n`)
    const sidecar = await start({
      name: 'sidecar', command: process.execPath, args: [CLI, 'run', '-c', config],
      env: { NODE_OPTIONS: '--insecure-http-parser', UNSTICK_SECRET: 'a-secret-of-the-tests-with-32-characters-or-more' },
      ready: async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok,
    })
    try {
      const address = { host: '127.0.0.1', port }
      for (const bytes of [
        post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`), 'GET / HTTP/1.1\r\nHost: a\r\nX-Folded: a\r\n X-Session-User: b\r\n\r\n',
        `GET / HTTP/1.1\nHost: a\n\n${SMUGGLED}`, post('Transfer-Encoding: chunked', `5 \r\nhello\r\n0\r\n\r\n`),
      ]) {
        const response = await ask(address, bytes)
        expect([response.status, headerValue(response, 'unstick-error')], bytes).toEqual([400, 'bad_request'])
      }
      expect(app.requests.map(({ target }) => target)).not.toContain('/smuggled')
    } finally {
      await sidecar.stop()
    }
  })
})

describe('OPTIONS *', () => {
  it.each(['*', 'http://a', 'HTTP://a:80'])('reaches the app as it is, and never becomes a request for a path (%s)', async (target) => {
    const { status, targets } = await attempt(`OPTIONS ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
    expect([status, targets]).toEqual([200, ['*']])
  })
})

describe('bytes behind a request', () => {
  it('that are no request do not get into the answer before them', async () => {
    let finish: () => void = () => undefined
    await using app = await httpApp((_, response) => {
      response.setHeader('Content-Length', 400)
      response.write('a'.repeat(100))
      finish = () => { response.end('b'.repeat(300)) }
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    await client.send(get('/')).until('a'.repeat(100))
    client.send('this is no HTTP\r\n\r\n')
    // Another client's round trip: what was sent before has been read by now.
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    finish()
    expect(await client.bytes(300)).toBe('b'.repeat(300))
    expect(await client.rest()).toBe('')
  })

  it('that are no request do not keep the answer before them from coming', async () => {
    let finish: () => void = () => undefined
    await using app = await httpApp((_, response) => { finish = () => { response.end('whole') } })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(`${get('/')}this is no HTTP\r\n\r\n`)
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    while (app.requests.length === 0) await new Promise((resolve) => { setImmediate(resolve) })
    finish()
    expect((await client.response()).body).toBe('whole')
    expect(await client.rest()).toBe('')
  })

  it('behind a refused one are never read as requests, however they come', async () => {
    await using app = await httpApp((_, response) => { response.end() })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(`${get('/first')}GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${SMUGGLED}`)
    expect((await client.response()).status).toBe(200)
    client.send(SMUGGLED)
    expect((await client.response()).status).toBe(400)
    client.send(SMUGGLED)
    await client.ended()
    await ask(sidecar.address, get('/marker'))
    expect(app.requests.map(({ target }) => target)).toEqual(['/first', '/marker'])
  })
})

describe('a request whose body turns out malformed while it waits for its session\'s lease', () => {
  it('is answered with 400 at once, and leaves the line', async () => {
    let finish: () => void = () => undefined
    await using app = await httpApp((request, response) => { if (request.url === '/slow') finish = () => { response.end('done') }; else cookieApp(request, response) })
    await using sidecar = await runSidecar(app, { routes: [{ match: '/**', lock: 'exclusive', lockWaitMs: 20_000 }] })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    const holding = visitor.get('/slow')
    await until('the first has the lease', () => app.requests.length === 2, 5_000)
    using client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/next', ['Transfer-Encoding: chunked'], 'POST'))
    const waiting = async (count: number): Promise<boolean> => (await ask(sidecar.admin, get('/metrics'))).body.includes(`unstick_lock_waiting ${count}`)
    await until('it waits', () => waiting(1), 5_000)
    const response = await client.send('bad\n\r\n').response()
    expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
    expect(await waiting(0)).toBe(true)
    finish()
    expect((await holding).body).toBe('done')
    expect(app.requests.map(({ target }) => target)).toEqual(['/set?mine', '/slow'])
  })
})
