/** Attributes that the app hears in request headers, and says in response headers: over real sockets and more than one sidecar. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { countingStore } from '../support/counting-store.ts'
import { httpApp, rawReplies, type SeenRequest } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { type Overrides, runSidecar } from '../support/running-sidecar.ts'
import { TokenHolder } from '../support/visitor.ts'
import { HANDSHAKE, SWITCHED } from '../support/websocket.ts'

const BOTH = 'send: X-Session\nreceive: X-Session\nid: true'

/** The target that has the app answer with these headers. */
const says = (...lines: readonly string[]): string => `/?${lines.map((line) => line.split(': ').map(encodeURIComponent).join('=')).join('&')}`

const sayingApp = () => httpApp((request, response) => {
  response.writeHead(200, [...new URL(request.url ?? '/', 'http://app').searchParams].flat())
  response.end('ok')
})

const heard = (requests: readonly SeenRequest[], name: string): string[] => headerValues(requests.at(-1) ?? { headers: [] }, name)

describe('an app that speaks to unstick in headers', () => {
  it('keeps what it sets, and hears it with every request, on any replica', async () => {
    const overrides: Overrides = { store: memoryStore({ clock: systemClock }), headers: BOTH }
    await using app = await sayingApp()
    await using here = await runSidecar(app, overrides)
    await using there = await runSidecar(app, overrides)
    const visitor = new TokenHolder(here.address)
    const first = await visitor.get(says('X-Session-Set: user=alice&cart=tea+and+milk', 'X-Plain: 1'))
    expect([headerValues(first, 'x-session-set'), headerValues(first, 'x-plain')]).toEqual([[], ['1']])
    const elsewhere = new TokenHolder(there.address, visitor.cookie)
    await elsewhere.get('/')
    expect(heard(app.requests, 'x-session')).toEqual(['cart=tea+and+milk&user=alice'])
    await elsewhere.get(says('X-Session-Set: cart='))
    await visitor.get('/')
    expect(heard(app.requests, 'x-session')).toEqual(['user=alice'])
    await new TokenHolder(here.address).get('/')
    expect([heard(app.requests, 'x-session'), heard(app.requests, 'x-session-id')]).toEqual([[], []])
  })

  it('loses none of many attributes that parallel requests set', async () => {
    const overrides: Overrides = { store: memoryStore({ clock: systemClock }), headers: BOTH }
    await using app = await sayingApp()
    await using here = await runSidecar(app, overrides)
    await using there = await runSidecar(app, overrides)
    const visitor = new TokenHolder(here.address)
    await visitor.get(says('X-Session-Set: user=alice'))
    await Promise.all(Array.from({ length: 40 }, (_, i) => new TokenHolder([here, there][i % 2]?.address ?? here.address, visitor.cookie).get(says(`X-Session-Set: a${i}=${i}`))))
    await visitor.get('/')
    const all = new URLSearchParams(heard(app.requests, 'x-session')[0])
    expect(Array.from({ length: 40 }, (_, i) => all.get(`a${i}`))).toEqual(Array.from({ length: 40 }, (_, i) => String(i)))
    expect(all.get('user')).toBe('alice')
  })

  it('is told an id that is not the token, and stays when the token is renewed', async () => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: BOTH })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get(says('X-Session-Set: user=alice'))
    const token = visitor.cookie
    await visitor.get('/')
    const [id = ''] = heard(app.requests, 'x-session-id')
    expect(id.length).toBeGreaterThan(10)
    expect(token).not.toContain(id)
    await visitor.get(says('X-Session-Renew: 1'))
    expect(visitor.cookie?.slice(0, 40)).not.toBe(token?.slice(0, 40))
    await visitor.get('/')
    expect(heard(app.requests, 'x-session-id')).toEqual([id])
  })

  it('gives a session that becomes somebody\'s a new token, and one that stays theirs none', async () => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: BOTH })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get(says('X-Session-Set: cart=tea'))
    const planted = visitor.cookie
    await visitor.get(says('X-Session-Subject: alice', 'X-Session-Set: user=alice'))
    const random = (cookie: string | undefined): string | undefined => cookie?.slice(0, 40)
    expect(random(visitor.cookie)).not.toBe(random(planted))
    const hers = visitor.cookie
    expect(headerValues(await visitor.get(says('X-Session-Subject: alice')), 'set-cookie')).toEqual([])
    expect(visitor.cookie).toBe(hers)
    await visitor.get('/')
    expect(heard(app.requests, 'x-session')).toEqual(['cart=tea&user=alice'])
  })

  it('ends the session, with what all carriers keep in it, and the client\'s cookie', async () => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: BOTH })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get(says('X-Session-Set: user=alice', 'Set-Cookie: sid=1'))
    const before = visitor.cookie
    await visitor.get('/')
    expect([heard(app.requests, 'x-session'), heard(app.requests, 'cookie')]).toEqual([['user=alice'], ['sid=1']])
    await visitor.get(says('X-Session-Destroy: 1'))
    expect(visitor.cookie).toBeUndefined()
    await new TokenHolder(sidecar.address, before).get('/')
    expect([heard(app.requests, 'x-session'), heard(app.requests, 'cookie')]).toEqual([[], []])
  })

  it('ends the session with its last attribute', async () => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: BOTH })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get(says('X-Session-Set: user=alice'))
    await visitor.get(says('X-Session-Set: user='))
    expect(visitor.cookie).toBeUndefined()
  })

  it.each(['X-Replace-Session', 'X-Session'])("takes mod_session's header at its word, with receive: %s", async (receive) => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: `send: Session\nreceive: ${receive}` })
    const visitor = new TokenHolder(sidecar.address)
    const first = await visitor.get(says('X-Replace-Session: user=alice&visits=1'))
    expect(headerValues(first, 'x-replace-session')).toEqual([])
    await visitor.get(says('X-Replace-Session: visits=2'))
    await visitor.get('/', ['Session: user=mallory', 'X_Replace_Session: 1'])
    expect(heard(app.requests, 'session')).toEqual(['visits=2'])
  })

  it('is answered 431 by unstick instead of itself when its attributes outgrow a header', async () => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: BOTH, limits: { headerBytes: 2_000 } })
    const visitor = new TokenHolder(sidecar.address)
    for (let i = 0; i < 3; i += 1) await visitor.get(says(`X-Session-Set: a${i}=${'x'.repeat(700)}`))
    const asked = app.requests.length
    const refused = await visitor.get('/')
    expect([refused.status, headerValue(refused, 'unstick-error'), app.requests.length]).toEqual([431, 'too_large', asked])
  })

  it('says nothing to the client: not in an interim answer, not in trailers, not on a route without sessions', async () => {
    await using app = await rawReplies((socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nX_Session_Set: user=alice\r\nX-User: alice\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-User: alice\r\nX-Session-Set: user=alice\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Session-Set: user=bob\r\nx_user: bob\r\nX-T: 1\r\n\r\n')
    })
    for (const session of ['on', 'off'] as const) {
      await using sidecar = await runSidecar(app, { headers: 'receive: X-Session\ninject: { X-User: "{user}" }', routes: [{ match: '/**', session }] })
      using client = await RawClient.connect(sidecar.address)
      const interim = await client.send(get('/')).response()
      const answer = await client.response()
      expect([interim.headers, answer.body, answer.trailers]).toEqual([['Link', '</a>'], 'x', ['X-T', '1']])
      expect(answer.headers.filter((field) => /^x.(?:session|user)/i.test(field))).toEqual([])
    }
  })

  it('speaks in the answer to a WebSocket handshake, too, and hears there', async () => {
    const heads: string[] = []
    await using app = await rawReplies((socket, head) => {
      heads.push(head)
      socket.write(SWITCHED.replace('\r\n\r\n', '\r\nX-Session-Set: user=alice\r\nX-Session-Id: mine\r\n\r\n'))
    })
    await using sidecar = await runSidecar(app, { headers: BOTH })
    const handshake = async (cookie: string[]) => {
      using client = await RawClient.connect(sidecar.address)
      return await client.send(get('/chat', [...HANDSHAKE, ...cookie, 'x_session: user=mallory'])).head()
    }
    const first = await handshake([])
    expect([first.status, headerValues(first, 'x-session-set'), headerValues(first, 'x-session-id')]).toEqual([101, [], []])
    await handshake([`Cookie: ${(headerValue(first, 'set-cookie') ?? '').split(';', 1)[0] ?? ''}`])
    expect(heads.map((head) => /^x.session: .*$/im.exec(head)?.[0])).toEqual([undefined, 'X-Session: user=alice'])
  })

  it.each([
    ["mod_session's header, which has no word for a login", 'receive: { set: X-Replace-Session }', 'X-Replace-Session', true],
    ['headers with a word for a login, which is not said', 'receive: X-Session', 'X-Session-Set', false],
  ])('gains a name for its session through %s', async (_, receive, header, rotates) => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: `send: Session\n${receive}` })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get(says(`${header}: cart=tea`))
    const before = visitor.cookie?.slice(0, 50)
    await visitor.get(says(`${header}: user=alice`))
    expect(visitor.cookie?.slice(0, 50) !== before).toBe(rotates)
    await visitor.get('/')
    // Either way it is added to what was there.
    expect(heard(app.requests, 'session')).toEqual(['cart=tea&user=alice'])
  })
})

it('learns from the answer to a WebSocket handshake by a rule', async () => {
  await using app = await rawReplies((socket) => { socket.write(SWITCHED.replace('\r\n\r\n', '\r\nX-Room: blue\r\n\r\n')) })
  await using sidecar = await runSidecar(app, { headers: 'send: X-Session\ncapture: [{ on: GET /chat, status: 101, set: { room: header.X-Room }, strip: [header.X-Room] }]' })
  using client = await RawClient.connect(sidecar.address)
  const answer = await client.send(get('/chat', HANDSHAKE)).head()
  expect([answer.status, headerValues(answer, 'x-room'), headerValues(answer, 'set-cookie').length]).toEqual([101, [], 1])
})

describe('a client\'s own', () => {
  const INJECT = 'receive: X-App\ninject: { X-Forwarded-User: "{user}", Authorization: "Bearer {token}", Remote-User: "{user}" }\nsend: Session\nid: X-Visitor'
  const SPELLINGS = [
    'X-Forwarded-User', 'x-forwarded-user', 'X_Forwarded_User', 'X-Forwarded_User', 'X--Forwarded-User', 'X.Forwarded.User', '_X-Forwarded-User', 'X-Forwarded-User-', "X-Forwarded'User",
    'Authorization', 'AUTHORIZATION', '_Authorization', 'authorization_', 'Remote-User', 'remote_user', 'REMOTE_USER', 'Remote.User', 'Session', 'SESSION', 'session-', 'X-Visitor', 'x_visitor', 'X-App-Set', 'x_app_set', 'X-App-Destroy',
  ]
  const seen = async (headers: readonly string[], overrides: Overrides = {}, before?: (visitor: TokenHolder) => Promise<unknown>): Promise<readonly string[]> => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: INJECT, ...overrides })
    const visitor = new TokenHolder(sidecar.address)
    await before?.(visitor)
    expect((await visitor.get('/', headers)).status).toBe(200)
    return app.requests.at(-1)?.headers ?? []
  }

  it.each(SPELLINGS)('%s never reaches the app, not even from a trusted proxy', async (name) => {
    for (const trustedProxies of [['127.0.0.0/8'], ['10.0.0.0/8']]) {
      const names = (await seen([`${name}: admin`, 'X-Plain: 1'], { trustedProxies })).filter((_, i) => i % 2 === 0)
      expect(names).not.toContain(name)
      expect(names).toContain('X-Plain')
    }
  })

  it('never reaches it on a route without sessions, either', async () => {
    const headers = await seen(SPELLINGS.map((name) => `${name}: admin`), { routes: [{ match: '/**', session: 'off' }] })
    expect(headers).not.toContain('admin')
  })

  it('never reaches it beside the session\'s, which Connection cannot take away', async () => {
    const headers = await seen(
      [...SPELLINGS.map((name) => `${name}: admin`), 'Connection: X-Forwarded-User, Authorization, close, Session', 'X-Plain: 1'], {},
      (visitor) => visitor.get(says('X-App-Set: user=alice&token=t')),
    )
    expect(headers).not.toContain('admin')
    expect(headers).toEqual(expect.arrayContaining(['X-Forwarded-User', 'alice', 'Authorization', 'Bearer t', 'Remote-User', 'alice', 'Session', 'token=t&user=alice']))
  })

  it('passes where the name is not configured', async () => {
    const headers = await seen(['Authorization: Basic x', 'X-Forwarded-Prefix: /app'], { headers: 'send: X-Session\nreceive: X-Session' })
    expect(headers).toEqual(expect.arrayContaining(['Authorization', 'Basic x', 'X-Forwarded-Prefix', '/app']))
  })
})

it('does not ask the store for a visitor without a session', async () => {
  await using app = await sayingApp()
  const store = countingStore(memoryStore({ clock: systemClock }))
  await using sidecar = await runSidecar(app, { store, headers: BOTH })
  expect((await ask(sidecar.address, get(says('X-Session-Destroy: 1', 'X-Session-Renew: 1', 'X-Session-Set: a=')))).status).toBe(200)
  expect(store.calls).toEqual({})
})
