/** What stays open after its answer's head: an event stream or a WebSocket of a session that ends elsewhere must not go on. */
import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Address } from '../../src/config/config.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { redisStore } from '../../src/store/redis/store.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { httpApp } from '../support/origin-app.ts'
import { startRedis } from '../support/redis-server.ts'
import { type RunningSidecar, runSidecar } from '../support/running-sidecar.ts'
import { storeOver } from '../support/store-over.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'
import { echo, echoApp, open } from '../support/websocket.ts'

/** The cookie app, with `/events`: an event stream that goes on until somebody ends it; `/poll`: the same, and called something else; `/login` sets a cookie of a new name, `/forget` takes it back. */
const app: RequestListener = (request, response) => {
  if (request.url === '/events' || request.url === '/poll') {
    response.setHeader('Content-Type', request.url === '/events' ? 'text/event-stream; charset=utf-8' : 'text/plain')
    response.write('data: first\n\n')
  } else if (request.url === '/login') {
    response.setHeader('Set-Cookie', 'remember_me=1')
    response.end()
  } else if (request.url === '/forget') {
    response.setHeader('Set-Cookie', 'remember_me=; Max-Age=0')
    response.end()
  } else cookieApp(request, response)
}

interface Stream {
  readonly ended: Promise<string>
  isOpen(): boolean
  close(): void
}

async function stream(address: Address, cookie: string | undefined, path = '/events'): Promise<Stream> {
  if ('unix' in address) throw new Error('not over unix sockets')
  const request = httpRequest({ ...address, path, agent: false, headers: cookie === undefined ? {} : { cookie } })
  request.end()
  const [response] = await once(request, 'response') as [IncomingMessage]
  response.resume()
  let over = false
  // Cut off, as a body that is not whole must be.
  const ended = new Promise<string>((resolve) => {
    response.once('end', () => resolve('whole'))
    response.once('error', () => resolve('cut'))
  }).finally(() => { over = true })
  return { ended, isOpen: () => !over, close: () => request.destroy() }
}

/** Two sidecars before one app, over one store, and somebody who is logged in. */
async function site(store: () => SessionStore, body: (at: { here: RunningSidecar; there: RunningSidecar; visitor: TokenHolder; elsewhere: TokenHolder }) => Promise<void>): Promise<void> {
  await using http = await httpApp(app)
  await using here = await runSidecar(http, { store: store() })
  await using there = await runSidecar(http, { store: store() })
  const visitor = new TokenHolder(here.address)
  await visitor.get('/set?one')
  await body({ here, there, visitor, elsewhere: new TokenHolder(there.address, visitor.cookie) })
}

const stores = {
  memory: async () => {
    const store = memoryStore({ clock: systemClock })
    return { open: () => storeOver(store, { close: async () => undefined }), end: async () => undefined }
  },
  sqlite: async () => {
    const folder = await temporaryFolder()
    return { open: () => sqliteStore({ path: join(folder.path, 'sessions.db'), clock: systemClock }), end: () => folder[Symbol.asyncDispose]() }
  },
  redis: async () => {
    const server = await startRedis()
    return { open: () => redisStore(server.config), end: () => server.stop() }
  },
}

describe.each(Object.entries(stores))('over %s', (_, start) => {
  const withSite = async (body: Parameters<typeof site>[1]): Promise<void> => {
    const { open: opened, end } = await start()
    try {
      await site(opened, body)
    } finally {
      await end()
    }
  }

  it('an event stream is cut off when its session ends at another sidecar, and the log says why', () => withSite(async ({ here, visitor, elsewhere }) => {
    const events = await stream(here.address, visitor.cookie)
    await elsewhere.get('/set?two')
    expect(events.isOpen()).toBe(true)
    await elsewhere.get('/end')
    expect(await events.ended).toBe('cut')
    await until('the log tells', () => here.log().includes('session_ended'), 5_000)
  }))

  it('an event stream stays with its session through a rotation of the token, and ends with that', () => withSite(async ({ here, visitor, elsewhere }) => {
    const events = await stream(here.address, visitor.cookie)
    const before = elsewhere.cookie
    await elsewhere.get('/login')
    expect(elsewhere.cookie).not.toBe(before)
    await elsewhere.get('/set?two')
    expect(events.isOpen()).toBe(true)
    const another = await stream(here.address, elsewhere.cookie)
    await elsewhere.get('/end')
    // Another entry is left: the session goes on.
    expect([events.isOpen(), another.isOpen()]).toEqual([true, true])
    await elsewhere.get('/forget')
    expect(await Promise.all([events.ended, another.ended])).toEqual(['cut', 'cut'])
  }))
})

describe('in one store', () => {
  const shared = memoryStore({ clock: systemClock })
  const withSite = (body: Parameters<typeof site>[1]): Promise<void> => site(() => storeOver(shared, { close: async () => undefined }), body)

  it('a session that rotated and ended before its stream had begun ends the stream as it begins', () => withSite(async ({ here, visitor }) => {
    let letGo: () => void = () => undefined
    const gate = new Promise<void>((resolve) => { letGo = resolve })
    await using http = await httpApp((request, response) => {
      if (request.url === '/events') void gate.then(() => app(request, response))
      else app(request, response)
    })
    await using slow = await runSidecar(http, { store: storeOver(shared, { close: async () => undefined }) })
    const opening = stream(slow.address, visitor.cookie)
    await until('the app has it', () => http.requests.length === 1, 5_000)
    await new TokenHolder(here.address, visitor.cookie).get('/end')
    letGo()
    expect(await (await opening).ended).toBe('cut')
  }))

  it('streams of nobody, of others and of other kinds go on', () => withSite(async ({ here, visitor, elsewhere }) => {
    const other = new TokenHolder(here.address)
    await other.get('/set?other')
    const others = await Promise.all([stream(here.address, undefined), stream(here.address, other.cookie), stream(here.address, visitor.cookie, '/poll')])
    const own = await stream(here.address, visitor.cookie)
    await elsewhere.get('/end')
    expect(await own.ended).toBe('cut')
    expect(others.map((each) => each.isOpen())).toEqual([true, true, true])
    for (const each of others) each.close()
  }))

  it('a WebSocket is closed on both sides', async () => {
    await using ws = await echoApp()
    const store = memoryStore({ clock: systemClock })
    await using here = await runSidecar(ws, { store: storeOver(store, { close: async () => undefined }) })
    await using there = await runSidecar(ws, { store })
    const visitor = new TokenHolder(there.address)
    await visitor.get('/set?one')
    const [socket, anonymous] = [open(here.address, { headers: { cookie: visitor.cookie ?? '' } }), open(here.address)]
    await Promise.all([once(socket, 'open'), once(anonymous, 'open')])
    expect(await echo(socket, 'still here')).toBe('still here')
    const closed = [once(socket, 'close'), ...ws.sockets.slice(0, 1).map((each) => once(each, 'close'))]
    await visitor.get('/end')
    await Promise.all(closed)
    expect(await echo(anonymous, 'nobody here')).toBe('nobody here')
    anonymous.terminate()
  })

  it('a WebSocket whose handshake began the session is closed with it', async () => {
    await using ws = await echoApp({ setCookie: 'sid=by-handshake' })
    await using here = await runSidecar(ws)
    const socket = open(here.address, { headers: { host: 'app.example' } })
    const [[upgraded]] = await Promise.all([once(socket, 'upgrade') as Promise<[IncomingMessage]>, once(socket, 'open')])
    const token = upgraded.headers['set-cookie']?.find((cookie) => cookie.startsWith('unstick='))?.split(';', 1)[0]
    const closed = once(socket, 'close')
    await new TokenHolder(here.address, token).get('/end')
    await closed
  })

  it('nothing is left behind by streams and sockets that ended by themselves', async () => {
    let watched = 0
    const store = storeOver(shared, {
      watch: (...given) => {
        watched += 1
        const stop = shared.watch(...given)
        return () => { watched -= 1; stop() }
      },
      close: async () => undefined,
    })
    await using http = await httpApp((request, response) => {
      response.setHeader('Content-Type', 'text/event-stream')
      if (request.url === '/set') response.setHeader('Set-Cookie', 'sid=1')
      response.end('data: all\n\n')
    })
    await using here = await runSidecar(http, { store })
    const visitor = new TokenHolder(here.address)
    await visitor.get('/set')
    await visitor.get('/events')
    const hungUp = await stream(here.address, visitor.cookie)
    hungUp.close()
    await until('nobody watches', () => watched === 0, 5_000)
  })

  it('a store that is away when the session ends is asked until it answers', () => withSite(async ({ visitor }) => {
    let away = false
    const store = storeOver(shared, {
      open: (...given) => (away ? Promise.reject(new Error('away')) : shared.open(...given)),
      close: async () => undefined,
    })
    await using http = await httpApp(app)
    await using here = await runSidecar(http, { store })
    const events = await stream(here.address, visitor.cookie)
    away = true
    await visitor.get('/end')
    expect(events.isOpen()).toBe(true)
    away = false
    expect(await events.ended).toBe('cut')
  }))
})
