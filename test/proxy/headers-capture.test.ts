/** Attributes that are learned from the traffic of an app that knows nothing of unstick: over real sockets. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Address } from '../../src/config/config.ts'
import { UnstickError } from '../../src/errors.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { countingStore } from '../support/counting-store.ts'
import { bodyOf, httpApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { type Overrides, runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { TokenHolder } from '../support/visitor.ts'
import { HANDSHAKE } from '../support/websocket.ts'

const LOGIN = `inject: { X-Forwarded-User: "{user}", Authorization: "Bearer {access_token}" }
capture:
  - { on: "POST /login", set: { user: form.username, access_token: json./access_token, role: "header.X-Role?" }, subject: user, strip: [json./access_token] }
  - { on: "POST /logout", destroy: true }`

const FORM = 'Content-Type: application/x-www-form-urlencoded'
const ALICE = 'username=alice&password=right'
const JSON_TYPE = { 'Content-Type': 'application/json' }

const post = (target: string, body: string, headers: readonly string[] = [FORM]): string =>
  `${get(target, [...headers, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`], 'POST')}${body}`

const chunked = (target: string, pieces: readonly string[], headers: readonly string[] = [FORM]): string =>
  `${get(target, [...headers, 'Transfer-Encoding: chunked'], 'POST')}${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`

/** An app that answers a login as it is told, and tells at /me what it hears. */
const apiApp = (login: (response: ServerResponse, body: string, request: IncomingMessage) => void) => httpApp((request, response) => {
  void bodyOf(request).then((body) => {
    if (request.url?.startsWith('/login') === true) login(response, body, request)
    else response.end(JSON.stringify({ user: request.headers['x-forwarded-user'], authorization: request.headers.authorization }))
  }).catch(() => undefined)
})

const tokenApp = () => apiApp((response, body) => {
  if (!body.includes('password=right')) response.writeHead(200, JSON_TYPE).end('{"error":"wrong"}')
  else response.writeHead(200, { ...JSON_TYPE, ETag: '"v1"' }).end('{"access_token":"s3cret","expires_in":12345678901234567890}')
})

/** What the app hears at /me of who has this token. */
const me = async (sidecar: { readonly address: Address }, visitor: TokenHolder): Promise<string> =>
  (await ask(sidecar.address, visitor.request('/me'))).body

describe('a login', () => {
  it('keeps the token of an API from the client, and sends it with each request, on any replica', async () => {
    const store = memoryStore({ clock: systemClock })
    await using app = await tokenApp()
    await using here = await runSidecar(app, { store, headers: LOGIN })
    await using there = await runSidecar(app, { store, headers: LOGIN })
    const visitor = new TokenHolder(here.address)
    const login = visitor.keep(await ask(here.address, post('/login', ALICE)))
    expect([login.status, login.body]).toEqual([200, '{"expires_in":12345678901234567890}'])
    expect([headerValue(login, 'content-length'), headerValue(login, 'etag')]).toEqual([String(login.body.length), 'W/"v1"'])
    expect(await me(there, visitor)).toBe('{"user":"alice","authorization":"Bearer s3cret"}')
    const token = visitor.cookie
    const logout = visitor.keep(await ask(here.address, post('/logout', '', [`Cookie: ${token}`])))
    expect([logout.status, visitor.cookie]).toEqual([200, undefined])
    expect(await me(there, new TokenHolder(there.address, token))).toBe('{}')
  })

  it('that the app answers with 200 and no token is none', async () => {
    await using app = await tokenApp()
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    const login = await ask(sidecar.address, post('/login', 'username=alice&password=wrong'))
    expect([login.body, headerValues(login, 'set-cookie')]).toEqual(['{"error":"wrong"}', []])
    expect(sidecar.log()).toContain('a value that it needs was not there')
  })

  it.each([
    ['in one piece', post('/login', ALICE)], ['in chunks', chunked('/login', ['user', 'name=al', 'ice&password=right'])], ['in chunks of a byte', chunked('/login', Array.from(ALICE))],
    ['with Expect', post('/login', ALICE, [FORM, 'Expect: 100-continue'])],
    ['as multipart', post('/login', '--X\r\nContent-Disposition: form-data; name="username"\r\n\r\nalice\r\n--X\r\nContent-Disposition: form-data; name="password=right"\r\n\r\n\r\n--X--\r\n', ['Content-Type: multipart/form-data; boundary=X'])],
  ])('%s is heard of again and again, whole in the app and here', async (_, request) => {
    await using app = await tokenApp()
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    for (let i = 0; i < 20; i += 1) {
      using client = await RawClient.connect(sidecar.address)
      let response = await client.send(request).response()
      if (response.status === 100) response = await client.response()
      const visitor = new TokenHolder(sidecar.address)
      visitor.keep(response)
      expect(response.body).not.toContain('s3cret')
      expect(await me(sidecar, visitor)).toContain('"alice"')
    }
  })

  it.each([['gzip', gzipSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync], ['deflate', deflateSync]] as const)('whose answer is in %s is read, and goes out plain', async (coding, encode) => {
    await using app = await apiApp((response, _, { headers }) => {
      expect(headers['accept-encoding']).toBe(coding)
      response.writeHead(200, { ...JSON_TYPE, 'Content-Encoding': coding }).end(encode('{"access_token":"s3cret","more":true}'))
    })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    const login = await ask(sidecar.address, post('/login', ALICE, [FORM, `Accept-Encoding: dcb, ${coding}`]))
    expect([headerValue(login, 'content-encoding'), headerValue(login, 'content-length'), login.body]).toEqual([undefined, '13', '{"more":true}'])
  })

  it('is written before the client hears of it, in one commit with the cookies of the same answer', async () => {
    await using app = await apiApp((response) => { response.writeHead(200, { ...JSON_TYPE, 'Set-Cookie': 'sid=1' }).end('{"access_token":"t"}') })
    const memory = memoryStore({ clock: systemClock })
    const commits: string[][] = []
    const store: SessionStore = {
      ...countingStore(memory),
      commit: (id, delta) => {
        commits.push([...delta.set.keys()])
        return memory.commit(id, delta)
      },
    }
    await using sidecar = await runSidecar(app, { store, headers: LOGIN })
    await ask(sidecar.address, post('/login', ALICE))
    expect(commits).toHaveLength(1)
    expect(commits[0]).toEqual(expect.arrayContaining(['attribute:access_token', 'attribute:user', expect.stringMatching(/^cookie:sid/)]))
  })

  it('does not reach the client before the store has it', async () => {
    await using app = await tokenApp()
    const store: SessionStore = { ...countingStore(memoryStore({ clock: systemClock })), commit: () => Promise.reject(new UnstickError('store_unavailable', 'away')) }
    await using sidecar = await runSidecar(app, { store, headers: LOGIN })
    const login = await ask(sidecar.address, post('/login', ALICE))
    expect([login.status, headerValue(login, 'unstick-error'), headerValues(login, 'set-cookie')]).toEqual([503, 'store_unavailable', []])
    expect(login.body).not.toContain('s3cret')
  })
})

describe('a body that cannot be read', () => {
  const answered = async (login: (response: ServerResponse) => void, overrides: Overrides = {}, request = post('/login', ALICE)) => {
    await using app = await apiApp(login)
    await using sidecar = await runSidecar(app, { headers: LOGIN, ...overrides })
    const response = await ask(sidecar.address, request)
    const { body: metrics } = await ask(sidecar.admin, get('/metrics', ['Connection: close']))
    return { response, log: sidecar.log(), captures: metrics.match(/^unstick_captures_total\{.*$/gm) ?? [] }
  }

  it('because it is too large passes as it came, and is counted', async () => {
    const body = `{"access_token":"${'x'.repeat(200_000)}"}`
    for (const head of [{ ...JSON_TYPE, 'Content-Length': body.length }, JSON_TYPE]) {
      const { response, log, captures } = await answered((out) => { out.writeHead(200, head).end(body) }, { limits: { entryBytes: 100_000 } })
      expect([response.body === body, headerValues(response, 'set-cookie')]).toEqual([true, []])
      expect(log).toContain('larger than limits.entry')
      expect(captures).toEqual(['unstick_captures_total{result="too_large"} 1'])
    }
  })

  it('because it unfolds without end passes as it came', async () => {
    const bomb = gzipSync(Buffer.alloc(20_000_000))
    const { response, captures } = await answered((out) => { out.writeHead(200, { ...JSON_TYPE, 'Content-Encoding': 'gzip' }).end(bomb) }, { limits: { entryBytes: 100_000 } })
    expect([headerValue(response, 'content-encoding'), response.body === bomb.toString('latin1')]).toEqual(['gzip', true])
    expect(captures).toEqual(['unstick_captures_total{result="too_large"} 1'])
  })

  it.each<[string, Record<string, string>, string]>([
    ['is no JSON', JSON_TYPE, '{"access_token":'], ['is not gzip', { ...JSON_TYPE, 'Content-Encoding': 'gzip' }, '{"access_token":"t"}'], ['is in a coding that nobody knows', { ...JSON_TYPE, 'Content-Encoding': 'dcb' }, 'x'],
  ])('because it %s passes as it came, and is counted', async (_, headers, body) => {
    const { response, captures } = await answered((out) => { out.writeHead(200, { ...headers, ETag: '"v"' }).end(body) })
    expect([response.body, headerValue(response, 'etag'), headerValues(response, 'set-cookie')]).toEqual([body, '"v"', []])
    expect(captures).toEqual(['unstick_captures_total{result="malformed"} 1'])
  })

  it('of a request, too, reaches the app whole, and its answer the client', async () => {
    const body = `username=${'x'.repeat(300_000)}&password=right`
    await using app = await apiApp((out, received) => { out.writeHead(200, JSON_TYPE).end(JSON.stringify({ access_token: 't', whole: received === body })) })
    await using sidecar = await runSidecar(app, { headers: LOGIN, limits: { entryBytes: 100_000 } })
    const response = await ask(sidecar.address, post('/login', body))
    // What is stripped is so whatever became of the rest.
    expect([response.body, headerValues(response, 'set-cookie')]).toEqual(['{"whole":true}', []])
  })

  it('because the app answers before it has the request gives no name away', async () => {
    await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"access_token":"t"}') })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    using client = await RawClient.connect(sidecar.address)
    const early = await client.send(`${get('/login', [FORM, 'Content-Length: 1000'], 'POST')}username=admin&`).response()
    expect([early.status, early.body, headerValues(early, 'set-cookie')]).toEqual([200, '{}', []])
    expect(sidecar.log()).toContain('before it had the whole request')
  })

  it('because it breaks off is no answer at all', async () => {
    await using app = await rawReplies((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\nX-Role: x\r\n\r\n{"access_token":"t"', () => { setImmediate(() => socket.resetAndDestroy()) })
    })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    const response = await ask(sidecar.address, post('/login', ALICE))
    expect([response.status, headerValue(response, 'unstick-error'), headerValues(response, 'set-cookie')]).toEqual([502, 'upstream_broke', []])
  })

  it('is not in an answer to HEAD, nor in 304', async () => {
    const headers = LOGIN.replace('POST /login', '/login')
    await using app = await apiApp((response, _, { method }) => { response.writeHead(method === 'HEAD' ? 200 : 304, { ...JSON_TYPE, ETag: '"v"', ...(method === 'HEAD' ? { 'Content-Length': 100 } : {}) }).end() })
    await using sidecar = await runSidecar(app, { headers })
    const head = await ask(sidecar.address, get('/login', [], 'HEAD'), { bodiless: true })
    expect([head.status, headerValue(head, 'content-length'), headerValue(head, 'etag')]).toEqual([200, '100', '"v"'])
    expect((await ask(sidecar.address, get('/login', ['If-None-Match: W/"v"']))).status).toBe(304)
  })
})

describe('a client that hangs up', () => {
  it('in the middle of its login changes nothing', async () => {
    await using app = await tokenApp()
    const store = memoryStore({ clock: systemClock })
    await using sidecar = await runSidecar(app, { store, headers: LOGIN })
    using client = await RawClient.connect(sidecar.address)
    client.send(`${get('/login', [FORM, 'Content-Length: 1000'], 'POST')}${ALICE}`)
    await until('the app has the head', () => app.requests.length === 1, 5_000)
    client.reset()
    await until('the sidecar has let go', async () => /unstick_requests_in_flight 0/.test((await ask(sidecar.admin, get('/metrics', ['Connection: close']))).body), 5_000)
    expect((await ask(sidecar.admin, get('/metrics', ['Connection: close']))).body).toMatch(/unstick_sessions_created_total 0/)
  })

  it('while its session is written keeps what the app did', async () => {
    let answer: () => void = () => undefined
    await using app = await apiApp((response) => { answer = () => { response.writeHead(200, JSON_TYPE).end('{"access_token":"second"}') } })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    const visitor = new TokenHolder(sidecar.address)
    const first = ask(sidecar.address, post('/login', ALICE))
    await until('the app is asked', () => app.requests.length === 1, 5_000)
    answer()
    visitor.keep(await first)
    using client = await RawClient.connect(sidecar.address)
    client.send(post('/login', 'username=bob', [FORM, `Cookie: ${visitor.cookie}`]))
    await until('the app is asked again', () => app.requests.length === 2, 5_000)
    client.reset()
    answer()
    await until('bob is in', async () => (await me(sidecar, visitor)).includes('bob'), 5_000)
    expect(await me(sidecar, visitor)).toBe('{"user":"bob","authorization":"Bearer second"}')
  })
})

describe('what matches no rule', () => {
  it('but may be to the app what a rule is about teaches nothing, and gives nothing away', async () => {
    await using app = await httpApp((_, response) => { response.writeHead(200, JSON_TYPE).end('{"access_token":"s3cret"}') })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    for (const path of ['/Login', '/login/', '/login;x=1']) {
      const response = await ask(sidecar.address, post(path, ALICE))
      expect([path, response.body, headerValues(response, 'set-cookie')]).toEqual([path, '{}', []])
    }
    const visitor = new TokenHolder(sidecar.address)
    visitor.keep(await ask(sidecar.address, post('/login', ALICE)))
    expect(visitor.cookie).toBeDefined()
    visitor.keep(await ask(sidecar.address, post('/Logout/', '', [`Cookie: ${visitor.cookie}`])))
    expect(visitor.cookie).toBeUndefined()
  })

  it('streams: the first bytes are there while the app still holds the last', async () => {
    let end: () => void = () => undefined
    await using app = await httpApp((_, response) => {
      response.writeHead(200, JSON_TYPE).write('{"access_token":"public",')
      end = () => { response.end('"x":1}') }
    })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    using client = await RawClient.connect(sidecar.address)
    await client.send(get('/stream')).until('"public",')
    end()
    await client.until('"x":1}')
  })

  it('passes in parts and in any coding', async () => {
    await using app = await httpApp((request, response) => { response.end(JSON.stringify([request.headers.range, request.headers['accept-encoding']])) })
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    expect((await ask(sidecar.address, get('/file', ['Range: bytes=0-1', 'Accept-Encoding: dcb, br']))).body).toBe('["bytes=0-1","dcb, br"]')
  })
})

it('does not let a token out through the back door of a refused WebSocket handshake', async () => {
  await using app = await rawReplies((socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 25\r\n\r\n{"access_token":"s3cret"}') })
  await using sidecar = await runSidecar(app, { headers: LOGIN.replace('POST /login', '/login') })
  const response = await ask(sidecar.address, get('/login', HANDSHAKE))
  expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
  expect(response.body).not.toContain('s3cret')
})

it('tells shared caches that an answer is personal from which something was learned', async () => {
  await using app = await httpApp((_, response) => { response.writeHead(200, { 'X-Role': 'a' }).end() })
  await using sidecar = await runSidecar(app, { headers: 'send: X-Session\ncapture: [{ on: /role, set: { role: header.X-Role }, strip: [header.X-Role] }, { on: /kept, set: { role: header.X-Role } }]' })
  const visitor = new TokenHolder(sidecar.address)
  for (let i = 0; i < 2; i += 1) {
    const response = await visitor.get('/role')
    expect([headerValues(response, 'x-role'), headerValues(response, 'set-cookie').length]).toEqual([[], 1])
  }
  expect(headerValues(await visitor.get('/other'), 'set-cookie')).toEqual([])
  // Also where the answer is as the app gave it, and the session as it was.
  const kept = await visitor.get('/kept')
  expect([headerValues(kept, 'x-role'), headerValues(kept, 'set-cookie').length]).toEqual([['a'], 1])
})

describe('a header that a rule strips', () => {
  const RULE = 'receive: X-Session\ncapture: [{ on: "/login", status: 200, set: { token: header.X-Auth-Token }, strip: [header.X-Auth-Token] }]'
  const INTERIM = 'HTTP/1.1 103 Early Hints\r\nX-AUTH-token: secret\r\nLink: </a>\r\n\r\n'
  const CHUNKS = 'X-Auth-Token: secret\r\nTransfer-Encoding: chunked\r\nTrailer: X-Auth-Token\r\n\r\n2\r\nok\r\n0\r\nx-auth-token: secret\r\nX-Sum: 1\r\n\r\n'

  it.each<[string, readonly string[]]>([['', []], [', whose body is chunked', ['Transfer-Encoding: chunked', 'TE: trailers']]])('does not get out before the answer or behind it either%s', async (_, headers) => {
    await using app = await rawReplies((socket) => { socket.write(`${INTERIM}HTTP/1.1 200 OK\r\n${CHUNKS}`) })
    await using sidecar = await runSidecar(app, { headers: RULE })
    using client = await RawClient.connect(sidecar.address)
    client.send(`${get('/login', headers)}${headers.length > 0 ? '0\r\n\r\n' : ''}`)
    const [interim, answer] = [await client.response(), await client.response()]
    expect([interim.status, interim.headers, answer.status, answer.body, answer.trailers]).toEqual([103, ['Link', '</a>'], 200, 'ok', ['X-Sum', '1']])
    expect(JSON.stringify([interim, answer])).not.toContain('secret')
  })

  it('does not get out behind the answer to a handshake that is refused', async () => {
    await using app = await rawReplies((socket) => { socket.write(`HTTP/1.1 200 OK\r\n${CHUNKS}`) })
    await using sidecar = await runSidecar(app, { headers: RULE })
    const answer = await ask(sidecar.address, get('/login', HANDSHAKE))
    expect([answer.body, answer.trailers, JSON.stringify(answer).includes('secret')]).toEqual(['ok', ['X-Sum', '1'], false])
  })

  it('passes where no rule is about it', async () => {
    await using app = await rawReplies((socket) => { socket.write(`${INTERIM}HTTP/1.1 200 OK\r\n${CHUNKS}`) })
    await using sidecar = await runSidecar(app, { headers: RULE })
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/other'))
    expect([(await client.response()).headers, (await client.response()).trailers]).toEqual([['X-AUTH-token', 'secret', 'Link', '</a>'], ['x-auth-token', 'secret', 'X-Sum', '1']])
  })
})
