/** Streams that live for long, with silence in them that is longer than the app may take over a head. */
import { setTimeout as wait } from 'node:timers/promises'
import { type Case, requestText } from './case.ts'

/** By hand, with the limits that a sidecar has unless told otherwise: `UNSTICK_LONG=1`, some minutes for each. */
const LONG = process.env['UNSTICK_LONG'] === '1'
const SILENCE_MS = LONG ? 65_000 : 700
const UPSTREAM_TIMEOUT_MS = LONG ? 60_000 : 300
/** How many silences. */
const SILENCES = 3

export const LONGEST_MS = SILENCE_MS * SILENCES * 3

/** One event, then silence, and so on; each must come before the next is sent. */
export const streams: readonly Case[] = [
  {
    id: 'sse-minutes',
    limits: { upstreamTimeoutMs: UPSTREAM_TIMEOUT_MS },
    async client(client) {
      client.ask(requestText('GET /events', ['Accept: text/event-stream', 'Last-Event-ID: 7', 'Cache-Control: no-cache']))
      const { headers } = await client.connection.head()
      const events = [headers.includes('text/event-stream')]
      const heard: string[] = []
      for (let i = 0; i <= SILENCES; i += 1) heard.push(await client.connection.until(`data: ${i}\n\n`))
      heard.push(await client.connection.until('0\r\n\r\n'))
      // How the bytes are cut into chunks is each hop's own.
      return [events, heard.join('').replace(/(?:^|\r\n)[0-9a-f]+\r\n/g, '')]
    },
    async app(app) {
      await app.request()
      app.answer('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nX-Accel-Buffering: no\r\nTransfer-Encoding: chunked\r\n\r\n')
      for (let i = 0; i <= SILENCES; i += 1) {
        const event = `id: ${i}\nevent: tick\n: keep\ndata: ${i}\n\n`
        app.connection.send(`${event.length.toString(16)}\r\n${event}\r\n`)
        if (i < SILENCES) await wait(SILENCE_MS)
      }
      app.connection.send('0\r\n\r\n')
    },
  },
  {
    id: 'long-upload',
    limits: { upstreamTimeoutMs: UPSTREAM_TIMEOUT_MS },
    async client(client) {
      client.ask(requestText('POST /', ['Content-Length: 20']))
      for (let i = 0; i < 20; i += 1) {
        client.connection.send('x')
        // Each pause is shorter than the limit, and all of them together are longer.
        await wait(UPSTREAM_TIMEOUT_MS / 6)
      }
      return client.response()
    },
    async app(app) {
      await app.request()
      app.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    },
  },
]
