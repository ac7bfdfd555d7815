/** Bodies that come slowly, go slowly, cross each other, or are answered before they are whole. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'vitest'
import type { RawConnection } from '../../support/raw-connection.ts'
import { type Case, type ClientSide, requestText } from './case.ts'

const LARGE = 8 * 1024 ** 2
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Bytes that tell where one is missing. */
const ALPHABET = String.fromCharCode(...Array.from({ length: 251 }, (_, i) => i))
const bytes = (length: number): string => ALPHABET.repeat(Math.ceil(length / ALPHABET.length)).slice(0, length)
const digest = (text: string): string => createHash('sha256').update(text, 'latin1').digest('hex')

/** In pieces of these sizes, each in a turn of its own. */
async function trickle(connection: RawConnection, text: string, size: number): Promise<void> {
  for (let i = 0; i < text.length; i += size) {
    connection.send(text.slice(i, i + size))
    await turn()
  }
}

/** Reads a little, then not for a while, and so on. */
async function readSlowly({ socket }: RawConnection, turns: number): Promise<void> {
  for (let i = 0; i < turns; i += 1) {
    socket.pause()
    for (let rest = 0; rest < 20; rest += 1) await turn()
    socket.resume()
    await Promise.race([once(socket, 'data'), once(socket, 'close')])
  }
}

const answerOf = async (client: ClientSide): Promise<unknown> => {
  const { body, ...rest } = await client.response()
  return { ...rest, length: body.length, digest: digest(body) }
}

/** The app tells what it got by its digest. */
const takingIn = (slowly: boolean): Case['app'] => async (app) => {
  const head = await app.head()
  if (head === undefined) return
  const reading = slowly ? readSlowly(app.connection, 50) : Promise.resolve()
  const { body } = await app.connection.requestBody(head)
  await reading
  app.note({ length: body.length, digest: digest(body) })
  app.answer(OK)
}

export const bodies: readonly Case[] = [
  {
    id: 'slow-client-head',
    async client(client) {
      const head = requestText('GET /slow', ['X-A: 1'])
      client.ask(head.slice(0, 5))
      await trickle(client.connection, head.slice(5), 1)
      return client.response()
    },
    async app(app) {
      await app.request()
      app.answer(OK)
    },
    // Its head is sent by hand, without the session's cookie.
    settings: ['without a session'],
  },
  {
    id: 'slow-client-write',
    async client(client) {
      client.ask(requestText('POST /', ['Content-Length: 300']))
      await trickle(client.connection, bytes(300), 1)
      const first = await client.response()
      client.ask(requestText('POST /', ['Transfer-Encoding: chunked']))
      await trickle(client.connection, `12c;x\r\n${bytes(300)}\r\n1\r\ny\r\n0\r\nX-T: 1\r\n\r\n`, 1)
      return [first, await client.response()]
    },
    async app(app) {
      while (await app.request() !== undefined) app.answer(OK)
    },
  },
  {
    id: 'slow-client-read',
    async client(client) {
      client.ask(requestText('GET /'))
      const reading = readSlowly(client.connection, 50)
      const answer = await answerOf(client)
      await reading
      return answer
    },
    async app(app) {
      await app.request()
      app.answer(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n${bytes(LARGE)}`)
    },
  },
  {
    id: 'slow-app-read',
    async client(client) {
      client.ask(requestText('POST /', [`Content-Length: ${LARGE}`]))
      client.connection.send(bytes(LARGE))
      return client.response()
    },
    app: takingIn(true),
  },
  {
    id: 'slow-app-write',
    async client(client) {
      client.ask(requestText('GET /'))
      return answerOf(client)
    },
    async app(app) {
      await app.request()
      const text = `HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n12c;x\r\n${bytes(300)}\r\n1\r\ny\r\n0\r\nX-T: 1\r\n\r\n`
      app.answer(text.slice(0, text.indexOf('\n') + 1))
      await trickle(app.connection, text.slice(text.indexOf('\n') + 1), 1)
    },
  },
  {
    id: 'large-chunked',
    async client(client) {
      client.ask(requestText('POST /', ['Transfer-Encoding: chunked']))
      for (let i = 0; i < 128; i += 1) client.connection.send(`${(LARGE / 128).toString(16)}\r\n${bytes(LARGE / 128)}\r\n`)
      client.connection.send('0\r\n\r\n')
      return client.response()
    },
    app: takingIn(false),
  },
  {
    id: 'both-ways',
    async client(client) {
      client.ask(requestText('POST /', ['Transfer-Encoding: chunked']))
      const heard: string[] = [(await client.connection.until('\r\n\r\n')).split('\r\n')[0] ?? '']
      for (let i = 0; i < 20; i += 1) heard.push((await client.connection.send(`6\r\nping${i % 10}\n\r\n`).until('\n\r\n')).replace(/^\w+\r\n/, ''))
      client.connection.send('0\r\n\r\n')
      heard.push(await client.connection.until('0\r\n\r\n'))
      return heard
    },
    async app(app) {
      await app.head()
      app.answer('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (let i = 0; i < 20; i += 1) {
        const line = (await app.connection.until('\n\r\n')).split('\r\n')[1]
        app.note(line)
        app.connection.send(`7\r\necho ${i % 10}\n\r\n`)
      }
      await app.connection.until('0\r\n\r\n')
      app.connection.send('0\r\n\r\n')
    },
  },
  {
    id: 'early-answer',
    async client(client) {
      client.ask(requestText('POST /large', [`Content-Length: ${LARGE}`]))
      client.connection.send('begun')
      const early = await client.response()
      // A client that goes on sending, as most do, finds its connection as good as before.
      client.connection.send(bytes(LARGE - 5))
      client.ask(requestText('GET /next'))
      return [early, await client.response()]
    },
    async app(app) {
      for (let head = await app.connection.requestHead(); head !== undefined; head = await app.connection.requestHead()) {
        app.answer(head.line.includes('/large') ? 'HTTP/1.1 413 Content Too Large\r\nContent-Length: 8\r\n\r\ntoo much' : OK)
        // Through unstick nothing more comes: the rest of a body that is answered is of no use to anybody.
        await app.connection.requestBody(head)
      }
    },
    differs: ({ direct, through }) => { expect(through.client).toEqual(direct.client) },
  },
  {
    id: 'early-answer-close',
    async client(client) {
      client.ask(requestText('POST /', [`Content-Length: ${LARGE}`]))
      client.connection.send('begun')
      return client.response()
    },
    async app(app) {
      await app.head()
      app.answer('HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 8\r\n\r\ntoo much')
      app.connection.socket.end()
    },
  },
  {
    id: 'cut-short',
    async client(client) {
      client.ask(requestText('GET /'))
      return client.response().then(({ status }) => status, () => 'not whole')
    },
    async app(app) {
      await app.request()
      app.answer(`HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n${bytes(100_000)}`)
      app.connection.socket.end()
    },
  },
]
