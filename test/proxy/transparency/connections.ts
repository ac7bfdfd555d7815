/** Connections: kept, closed, raced for, used by old clients and hasty ones, and left. */
import { expect } from 'vitest'
import { type Case, exchange, exchanges, requestText, type SameResponse, type Told } from './case.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const GET = requestText('GET /')

const sameForClient = ({ direct, through }: { readonly direct: Told; readonly through: Told }): void => { expect(through.client).toEqual(direct.client) }

/** A client that hangs up when the app has come to a point, and an app that notes that it is gone. */
const abort = (id: string, sent: string, app: Case['app'], more: Pick<Case, 'settings' | 'differs'> = {}): Case => ({
  id, ...more,
  async client(client) {
    client.ask(sent)
    await client.reached('here')
    client.connection.socket.resetAndDestroy()
    await client.reached('gone')
    return 'left'
  },
  async app(side) {
    await app(side)
    side.reach('here')
    await side.connection.ended()
    side.note('gone')
    side.reach('gone')
  },
})

/** HTTP/1.0 on the client's side is HTTP/1.1 on the app's. */
const http10: NonNullable<Case['differs']> = ({ direct, through }) => {
  expect(through.client).toEqual(direct.client)
  expect(through.app.length).toBe(direct.app.length)
  expect(JSON.stringify(through.app)).toContain('HTTP/1.1')
}

/** An app that closes its connection behind each answer. Directly, a client opens another; through unstick it keeps its own. */
const reuse = (id: string, answer: string): Case => ({
  id,
  async client(client) {
    const responses: SameResponse[] = []
    let side = client
    for (let i = 0; i < 10; i += 1) {
      side.ask(requestText(`POST /${i}.`, ['Content-Length: 2'], 'hi'))
      responses.push(await side.response())
      await client.reached(`closed /${i}.`)
      if (client.isDirect) {
        await side.connection.ended()
        side = await client.another()
      }
    }
    return responses
  },
  async app(app) {
    const request = await app.request()
    if (request === undefined) return
    app.answer(answer)
    await new Promise<void>((resolve) => { app.connection.socket.end(resolve) })
    app.reach(`closed ${request.line.split(' ')[1]}`)
  },
})

export const connections: readonly Case[] = [
  exchanges('keep-alive', Array.from({ length: 50 }, (_, i) => ({ request: requestText(`GET /${i}.`), answer: `HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${i + 10}` }))),
  {
    id: 'pipelining',
    async client(client) {
      for (let i = 1; i <= 5; i += 1) client.ask(requestText(i === 3 ? 'POST /3' : `GET /${i}`, i === 3 ? ['Content-Length: 2'] : [], i === 3 ? 'hi' : ''))
      const responses: SameResponse[] = []
      while (responses.length < 5) responses.push(await client.response())
      return responses
    },
    async app(app) {
      for (let request = await app.request(); request !== undefined; request = await app.request()) app.answer(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${request.line.slice(-11, -9)}`)
    },
    // The app gets them at the same time, as it gets those of different clients; the client gets its answers in order.
    differs(told) {
      sameForClient(told)
      const sorted = ({ app }: Told): string[] => app.map((seen) => JSON.stringify(seen).replace(/sid=s\d+/g, 'sid')).sort()
      expect(sorted(told.through)).toEqual(sorted(told.direct))
    },
  },
  exchange('http10', 'GET / HTTP/1.0\r\n\r\n', OK, { end: true, differs: http10 }),
  exchange('http10-host', 'POST / HTTP/1.0\r\nHost: app.example\r\nContent-Length: 5\r\n\r\nhello', OK, { end: true, differs: http10 }),
  exchange('http10-until-close', 'GET / HTTP/1.0\r\n\r\n', 'HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nall of it', { end: true, differs: http10 }),
  exchanges('http10-keep-alive', [1, 2].map((i) => ({ request: `GET /${i} HTTP/1.0\r\nConnection: keep-alive\r\n\r\n`, answer: 'HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok' })), { differs: http10 }),
  {
    id: 'http10-chunks',
    async client(client) {
      client.ask('GET / HTTP/1.0\r\n\r\n')
      const { body, trailers, headers } = await client.response()
      return { body, trailers, headers }
    },
    async app(app) {
      await app.request()
      app.answer('HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n')
      app.connection.socket.end()
    },
    // An app that does not know better sends what HTTP/1.0 has no word for; through unstick it comes as HTTP/1.0 can say it.
    differs({ through }) { expect(through.client).toEqual({ body: 'ok', trailers: [], headers: ['X-A', '1'] }) },
  },
  reuse('answer-close', 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'),
  // The app has not said so. Its close is there, or almost, when the next request is about to go out.
  reuse('idle-close', OK),
  {
    id: 'crossing-close',
    async client(client) {
      client.ask(GET)
      return client.response().then(({ status, headers }) => ({ status, error: headers.includes('upstream_broke') }), () => 'closed')
    },
    async app(app) {
      await app.request()
      app.connection.socket.resetAndDestroy()
    },
    // Whether the app has acted nobody can tell, so it is not asked again.
    differs({ direct, through }) {
      expect(direct.client).toBe('closed')
      expect(through.client).toEqual({ status: 502, error: true })
      expect(through.app).toHaveLength(2)
    },
  },
  {
    id: 'abort-in-head',
    async client(client) {
      client.ask('GET / HTTP/1.1\r\nHost: app.example\r\nX-Ha')
      client.connection.socket.resetAndDestroy()
      await client.connection.ended()
      return 'left'
    },
    async app(app) { await app.connection.requestHead().catch(() => undefined) },
    differs: ({ through }) => { expect(through.app).toEqual([]) },
  },
  abort('abort-before-body', requestText('POST /', ['Content-Length: 100']), async (app) => { await app.head() }),
  abort('abort-in-body', requestText('POST /', ['Content-Length: 100'], 'half'), async (app) => {
    await app.head()
    app.note(await app.connection.bytes(4))
  }),
  abort('abort-in-chunks', requestText('POST /', ['Transfer-Encoding: chunked'], '4\r\nhalf\r\n'), async (app) => {
    await app.head()
    await app.connection.until('half')
  }),
  abort('abort-before-answer', GET, async (app) => { await app.request() }, { settings: ['without a session'] }),
  abort('abort-in-answer-head', GET, async (app) => {
    await app.request()
    app.connection.send('HTTP/1.1 200 OK\r\nX-Ha')
  }, { settings: ['without a session'] }),
  {
    ...abort('abort-in-answer', GET, async (app) => {
      await app.request()
      app.answer('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf')
    }, { settings: ['without a session', 'with a session', 'with a session that changes'] }),
    async client(client) {
      client.ask(GET)
      await client.connection.until('half')
      client.connection.socket.resetAndDestroy()
      await client.reached('gone')
      return 'left'
    },
  },
  {
    id: 'abort-with-session',
    async client(client) {
      client.ask(GET)
      await client.reached('here')
      client.connection.socket.resetAndDestroy()
      await client.connection.ended()
      await client.reached('over')
      const next = await client.another()
      next.ask(GET)
      return next.response()
    },
    async app(app) {
      await app.request()
      app.reach('here')
      app.answer(OK)
      app.reach('over')
      await app.request()
      app.answer(OK)
    },
    // The app is let finish, so that what it did for the session is kept, and its connection serves on.
    settings: ['with a session', 'with a session that changes', 'with a session file'],
    differs: sameForClient,
  },
]
