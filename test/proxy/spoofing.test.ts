import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { httpApp } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, type RawResponse } from '../support/raw-client.ts'
import { type Overrides, runSidecar } from '../support/running-sidecar.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const UNTRUSTED: Overrides = { trustedProxies: ['10.0.0.0/8'] }

/** The headers that the app gets of a request with these. */
async function received(headers: readonly string[], overrides: Overrides = {}, target = '/'): Promise<{ headers: readonly string[] }> {
  await using app = await httpApp((_, response) => { response.end() })
  await using sidecar = await runSidecar(app, overrides)
  expect((await ask(sidecar.address, get(target, headers))).status).toBe(200)
  return { headers: app.requests[0]?.headers ?? [] }
}

const names = ({ headers }: { headers: readonly string[] }): string[] => headers.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())

describe('reserved headers from a client never reach the app', () => {
  const spellings = ['X-Session-User', 'x-session-user', 'X_Session_User', 'X-Session_User', 'x-session--user', 'X--Session-User', 'X-SESSION', 'X_SESSION', 'X-Session-', '_X-Session-User', 'X.Session.User', 'X-Session.User', 'X!Session-User', 'X-Session\'User', 'Unstick-Error', 'UNSTICK_TOKEN', 'unstick', 'Unstick', 'Unstick--Owner', '-Unstick-Owner']
  it.each(spellings)('%s', async (name) => {
    expect(names(await received([`${name}: admin`, 'X-Plain: 1']))).not.toContain(name.toLowerCase())
  })

  it('on a route without sessions', async () => {
    const seen = await received([...spellings.map((name) => `${name}: admin`), 'Cookie: sid=1; unstick=2; a=b; Sid=3'], { routes: [{ match: '/**', session: 'off' }] })
    expect(names(seen).filter((name) => /session|unstick/.test(name))).toEqual([])
    expect(headerValues(seen, 'cookie')).toEqual(['a=b'])
  })

  it('with a token, too', async () => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app)
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    await visitor.get('/', spellings.map((name) => `${name}: admin`))
    expect(names(app.requests[1] ?? { headers: [] }).filter((name) => /session|unstick/.test(name))).toEqual([])
  })

  it('while those that only look alike pass', async () => {
    const alike = ['X-Sess: 1', 'X-Mysession: 2', 'Session: 3', 'Sessions-X: 4']
    expect((await received(alike)).headers).toEqual(expect.arrayContaining(['X-Sess', '1', 'X-Mysession', '2', 'Session', '3', 'Sessions-X', '4']))
  })
})

describe('vaulted cookies and the token, from a client', () => {
  it.each([
    'sid=1', 'SID=1', 'Sid=1', ' sid =1', 's%69d=1', '%73%69%64=1', 'sid[]=1', 'sid[a]=1', '"sid"=1', 'remember_me=1', 'Remember_x=1', 'remember.me=1', 'remember me=1', 'remember+me=1', 'remember[x]=1',
    'unstick=1', 'Unstick=1', '__Host-unstick=1', '__host-unstick=1', 'un%73tick=1',
  ])('are dropped as %s', async (cookie) => {
    const seen = await received([`Cookie: a=b; ${cookie}; c=d`])
    expect(headerValues(seen, 'cookie')).toEqual(['a=b; c=d'])
  })

  it('in several Cookie headers are dropped from all, and the rest becomes one', async () => {
    const seen = await received(['Cookie: a=1; sid=x', 'cookie: unstick=y', 'COOKIE: b=2'])
    expect(headerValues(seen, 'cookie')).toEqual(['a=1; b=2'])
  })

  it('cannot displace the session\'s own', async () => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app)
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    expect((await ask(sidecar.address, get('/', [`Cookie: sid=theirs; ${visitor.cookie}; SID=theirs; a=b`]))).body).toBe('a=b; sid=mine')
  })

  it('over https count only with the __Host- prefix, which no neighbour domain can set', async () => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app)
    const https = ['X-Forwarded-Proto: https']
    const response = await ask(sidecar.address, get('/set?mine', https))
    const [given = ''] = headerValues(response, 'set-cookie')
    expect(given).toMatch(/^__Host-unstick=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Secure$/)
    const pair = given.split(';', 1)[0] ?? ''
    expect((await ask(sidecar.address, get('/', [...https, `Cookie: ${pair}`]))).body).toBe('sid=mine')
    expect((await ask(sidecar.address, get('/', [...https, `Cookie: ${pair.replace('__Host-', '')}`]))).body).toBe('')
  })
})

describe('the app', () => {
  /** What the client sees of an answer with these headers. */
  async function answered(headers: readonly string[], overrides: Overrides = {}): Promise<RawResponse> {
    await using app = await httpApp((_, response) => { response.writeHead(200, [...headers, 'Content-Length', '0']).end() })
    await using sidecar = await runSidecar(app, overrides)
    return await ask(sidecar.address, get('/'))
  }

  it('cannot speak for unstick, nor set its token', async () => {
    const response = await answered(['Unstick-Error', 'x', 'X-Session-User', '1', 'X_Session_User', '2', 'Set-Cookie', 'unstick=forged', 'Set-Cookie', '__Host-unstick=forged', 'Set-Cookie', 'other=fine'])
    expect(names(response)).not.toEqual(expect.arrayContaining([expect.stringMatching(/unstick|session/)]))
    expect(headerValues(response, 'set-cookie')).toEqual(['other=fine'])
  })

  // A browser sends a nameless cookie as its value alone (RFC 6265bis 5.8.3), which reads as a name and a value.
  it('cannot set the token by a cookie without a name either, nor a vaulted one where no session takes it in', async () => {
    const nameless = ['Set-Cookie', '=unstick=forged', 'Set-Cookie', ' = unstick = forged; Path=/', 'set-cookie', '=__Host-unstick=forged; Secure; Path=/', 'Set-Cookie', '=a; b', 'Set-Cookie', '=other=fine']
    expect(headerValues(await answered(nameless), 'set-cookie')).toEqual(['=a; b', '=other=fine'])
    expect(headerValues(await answered([...nameless, 'Set-Cookie', '=sid=mine'], { routes: [{ match: '/**', session: 'off' }] }), 'set-cookie')).toEqual(['=a; b', '=other=fine'])
  })

  it('on a route without sessions cannot hand vaulted cookies to clients', async () => {
    const response = await answered(['Set-Cookie', 'sid=secret', 'Set-Cookie', 'remember_x=secret', 'Set-Cookie', 'other=fine'], { routes: [{ match: '/**', session: 'off' }] })
    expect(headerValues(response, 'set-cookie')).toEqual(['other=fine'])
  })

  it('keeps its one-hop headers to itself, and those that its Connection names', async () => {
    const response = await answered(['Connection', 'X-Gone', 'X-Gone', '1', 'Proxy-Authenticate', 'Basic', 'Upgrade', 'h2c', 'X-Stays', '1'])
    expect(names(response)).not.toEqual(expect.arrayContaining([expect.stringMatching(/x-gone|proxy-authenticate|upgrade/)]))
    expect(headerValue(response, 'x-stays')).toBe('1')
  })
})

describe('what a client lists in Connection', () => {
  it.each(['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded', 'Host', 'Cookie', 'Content-Length', 'x-forwarded-for, cookie, host'])('%s cannot take away what the sidecar says', async (listed) => {
    await using app = await httpApp((request, response) => { request.resume().on('end', () => response.end()) })
    await using sidecar = await runSidecar(app)
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/')
    await ask(sidecar.address, `POST / HTTP/1.1\r\nHost: app.example\r\nConnection: ${listed}\r\nCookie: a=b\r\nContent-Length: 2\r\n\r\nok`)
    const seen = app.requests[1] ?? { headers: [] }
    expect(names(seen)).toEqual(expect.arrayContaining(['host', 'cookie', 'content-length', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded']))
  })

  it('goes no further, in any case and from several of them', async () => {
    const seen = await received(['Connection: X-A', 'connection: keep-alive,  x-b ,', 'X-A: 1', 'x-B: 2', 'X-C: 3'])
    expect(names(seen)).toContain('x-c')
    expect(names(seen)).not.toEqual(expect.arrayContaining([expect.stringMatching(/x-[ab]/)]))
  })
})

describe('forwarding headers', () => {
  const said = ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: told.example', 'Forwarded: for=1.2.3.4;proto=https', 'X_Forwarded_For: 6.6.6.6', 'X-Forwarded_Proto: https', 'X.Forwarded.For: 6.6.6.6', 'X-Forwarded-Port: 443', 'X-Forwarded-Prefix: /p']

  it('from an untrusted peer are replaced, in every spelling', async () => {
    const { headers } = await received(said, UNTRUSTED)
    const forwarded = headers.filter((_, i, all) => /forwarded/i.test(all[i - (i % 2)] ?? ''))
    expect(forwarded).toEqual(['X-Forwarded-For', '127.0.0.1', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'app.example', 'Forwarded', 'for=127.0.0.1;host=app.example;proto=http'])
  })

  it('from a trusted peer are kept and extended, and look-alikes dropped', async () => {
    const { headers } = await received([...said, 'x-forwarded-for: 5.6.7.8'])
    const forwarded = headers.filter((_, i, all) => /forwarded/i.test(all[i - (i % 2)] ?? ''))
    expect(forwarded).toEqual([
      'X-Forwarded-Port', '443', 'X-Forwarded-Prefix', '/p',
      'X-Forwarded-For', '1.2.3.4, 5.6.7.8, 127.0.0.1', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'told.example',
      'Forwarded', 'for=1.2.3.4;proto=https, for=127.0.0.1;host=told.example;proto=https',
    ])
  })

  it.each([['an untrusted peer', UNTRUSTED], ['a trusted peer', {}]])('on a route without sessions are treated alike: %s', async (_, overrides) => {
    const off = await received(said, { ...overrides, routes: [{ match: '/**', session: 'off' }] })
    expect(off.headers).toEqual((await received(said, overrides)).headers)
  })

  it('decide the token cookie\'s Secure only from a trusted peer', async () => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app, UNTRUSTED)
    const [given] = headerValues(await ask(sidecar.address, get('/set?mine', ['X-Forwarded-Proto: https'])), 'set-cookie')
    expect(given).toMatch(/^unstick=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/)
  })
})

/** Sends `count` times a request and a reset at once. From a thread of its own, so that all of it is there before the sidecar, whose thread stands still, sees any. */
const RESETTING = `
  const { workerData: { port, done, count, request }, parentPort } = require('node:worker_threads')
  parentPort.postMessage('ready')
  Atomics.wait(done, 1, 0)
  for (let i = 0; i < count; i += 1) {
    const socket = require('node:net').connect(port, '127.0.0.1', () => { socket.write(request, () => { socket.resetAndDestroy() }) })
    socket.on('error', () => undefined).on('close', () => { Atomics.add(done, 0, 1); Atomics.notify(done, 0) })
  }
`

describe('forwarding headers from a client that resets its connection at once, and so has no address any more', () => {
  it('are not believed', async () => {
    await using app = await httpApp((_, response) => { response.end() })
    await using sidecar = await runSidecar(app, { trustedProxies: [] })
    if ('unix' in sidecar.address) throw new Error('a port was expected')
    // A connection to the app is there: what comes is sent on at once.
    await ask(sidecar.address, get('/warm'))
    const done = new Int32Array(new SharedArrayBuffer(8))
    const count = 20
    const request = get('/spoofed', ['X-Forwarded-For: 10.9.9.9', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example'])
    const worker = new Worker(RESETTING, { eval: true, workerData: { port: sidecar.address.port, done, count, request } })
    await once(worker, 'message')
    Atomics.store(done, 1, 1)
    Atomics.notify(done, 1)
    for (let seen = 0; seen < count; seen = Atomics.load(done, 0)) expect(Atomics.wait(done, 0, seen, 5_000)).not.toBe('timed-out')
    await worker.terminate()
    await ask(sidecar.address, get('/marker'))
    for (const seen of app.requests) {
      expect(headerValues(seen, 'x-forwarded-for')).toEqual(['127.0.0.1'])
      expect([headerValue(seen, 'x-forwarded-proto'), headerValue(seen, 'x-forwarded-host')]).toEqual(['http', 'app.example'])
    }
    expect(app.requests.at(-1)?.target).toBe('/marker')
  })
})
