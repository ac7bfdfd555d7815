/** Requests as they come to the app. */
import { expect } from 'vitest'
import { type Case, exchange, exchanges, requestText } from './case.ts'

const GET = 'GET /'
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')
const TARGETS = ['/', '/?', '/a/b?x=1&y=%20&x=2', '/a//b/../c/./d', '/%zz%00%', '/a;b=c,d/(e)!*\'$', '/?a[]=1&b={2}|3^4`"<>\\', '//double', '/http://other.example/', `/${'long/'.repeat(1_500)}`]
const METHODS = ['GET', 'DELETE', 'OPTIONS', 'REPORT', 'M-SEARCH', 'PURGE', 'MKCALENDAR', 'SUBSCRIBE', 'TRACE', 'LINK', 'LOCK']
const WITH_BODY = ['POST', 'PUT', 'PATCH', 'DELETE', 'GET', 'PROPFIND', 'OPTIONS', 'QUERY']

export const requests: readonly Case[] = [
  exchanges('targets', TARGETS.map((target) => ({ request: requestText(`GET ${target}`) }))),
  {
    ...exchanges('targets-absolute', ['http://other.example:8080/a?b=c', 'http://other.example', 'HTTPS://other.example/p?'].map((target) => ({ request: requestText(`GET ${target}`) }))),
    differs({ through }) {
      expect(through.app.filter((_, i) => i % 2 === 0)).toMatchObject([
        { line: 'GET /a?b=c HTTP/1.1', apart: ['other.example:8080', '', expect.any(String)] },
        { line: 'GET / HTTP/1.1', apart: ['other.example', '', expect.any(String)] },
        { line: 'GET /p? HTTP/1.1', apart: ['other.example', '', expect.any(String)] },
      ])
    },
  },
  {
    ...exchange('target-fragment', requestText('GET /a?b#c', ['Connection: close'])),
    differs({ direct, through }) {
      expect(direct.app).toMatchObject([{ line: 'GET /a?b#c HTTP/1.1' }, expect.anything()])
      expect([through.app, JSON.stringify(through.client)]).toEqual([[], expect.stringContaining('400')])
    },
  },
  exchange('options-star', requestText('OPTIONS *'), undefined, { settings: ['without a session'] }),
  exchanges('methods', METHODS.map((method) => ({ request: requestText(`${method} /`) }))),
  exchanges('methods-with-body', WITH_BODY.map((method) => ({ request: requestText(`${method} /`, ['Content-Length: 5'], 'hello') }))),
  exchange('header-order', requestText(GET, ['aCCept: */*', 'X-Twice: 1', 'x-other: a,  b', 'X-TWICE: 2', 'X-Empty: ', 'Authorization: Basic Og==', 'If-None-Match: "x", W/"y"', 'x-twice: 3', 'Trailer: T', 'Via: 1.1 lb', 'Accept-Encoding: br, gzip;q=0', 'Origin: null'])),
  exchange('header-bytes', requestText(GET, ['X-Latin: caf\u00e9 \u00ff\u0080', `X-Utf8: ${utf8('\u{1f36a} žluťoučký')}`, 'X-Tab: a\tb', `X-Marks: !#$%&'*+-.^_\`|~"(),/:;<=>?@[\\]{}`])),
  exchanges('header-bytes-chunked', [requestText('POST /1', ['X-Latin: caf\u00e9 \u00ff\u0080', 'Transfer-Encoding: chunked'], '2\r\nhi\r\n0\r\n\r\n'), requestText('POST /2', ['X-Latin: caf\u00e9 \u00ff\u0080', 'Expect: 100-continue', 'Content-Length: 2'], 'hi')].map((request) => ({ request }))),
  exchange('header-32k', requestText(GET, [`X-Big: ${'x'.repeat(15_000)}`, `X-More: ${'y'.repeat(15_000)}`])),
  exchange('header-many', requestText(GET, Array.from({ length: 2_500 }, (_, i) => `h${i}: ${i % 10}`))),
  exchange('cookies', requestText(GET, ['Cookie: a=1;b="x y" ; novalue;  c=d=e;=f; \u00e9=\u00fc; a=2']), undefined, { settings: ['without a session'] }),
  exchange('te-trailers', requestText(GET, ['TE: trailers', 'Connection: TE'])),
  exchange('range', requestText(GET, ['Range: bytes=0-1,5-', 'If-Range: "v1"'])),
  exchanges('length', [0, 1, 5, 70_000].map((length) => ({ request: requestText(`POST /${length}`, [`Content-Length: ${length}`], '\u00fe'.repeat(length)) }))),
  {
    ...exchanges('length-none', ['GET', 'POST', 'PUT', 'PATCH', 'PROPFIND', 'QUERY'].map((method) => ({ request: requestText(`${method} /`, method === 'GET' ? ['Content-Length: 0'] : []) }))),
    differs({ through }) {
      expect(through.app.filter((_, i) => i % 2 === 0).map((seen) => JSON.stringify(seen).includes('"app.example","0"'))).toEqual([false, true, true, true, true, true])
    },
  },
  exchanges('chunks-odd', [
    { request: requestText('POST /1', ['Transfer-Encoding: chunked'], '1;x=y\r\nh\r\n0004\r\nello\r\n0;last\r\n\r\n') },
    { request: requestText('POST /2', ['Transfer-Encoding: chunked'], '0\r\n\r\n') },
    { request: requestText('PUT /3', ['Transfer-Encoding: CHUNKED'], `${Array.from({ length: 300 }, (_, i) => `${(i + 1).toString(16).toUpperCase()}\r\n${String.fromCharCode(i % 256).repeat(i + 1)}\r\n`).join('')}00\r\n\r\n`) },
    { request: requestText('GET /4', ['Transfer-Encoding: chunked'], '3\r\nget\r\n0\r\n\r\n') },
  ]),
  exchanges('trailers-up', [
    { request: requestText('POST /1', ['Transfer-Encoding: chunked', 'Trailer: X-Sum'], '2\r\nhi\r\n0\r\nX-Sum: abc\r\nx-SUM: \u00e9\r\n\r\n') },
    { request: requestText('POST /2', ['Transfer-Encoding: chunked'], '0\r\nUnannounced: 1\r\n\r\n') },
  ]),
  {
    id: 'continue',
    async client(client) {
      client.ask(requestText('POST /', ['Expect: 100-continue', 'Content-Length: 5']))
      const interim = await client.response()
      client.connection.send('hello')
      return [interim, await client.response()]
    },
    async app(app) {
      const head = await app.head()
      if (head === undefined) return
      app.connection.send('HTTP/1.1 100 Continue\r\n\r\n')
      await app.body(head)
      app.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    },
  },
  {
    id: 'continue-refused',
    async client(client) {
      client.ask(requestText('POST /', ['Expect: 100-continue', 'Content-Length: 5']))
      return client.response()
    },
    async app(app) {
      await app.head()
      app.answer('HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno')
      app.note(await app.connection.ended())
    },
  },
  {
    id: 'continue-ignored',
    async client(client) {
      client.ask(requestText('POST /', ['Expect: 100-continue', 'Content-Length: 5']))
      // The app has its head by now, or soon: it is for the client to wait or not.
      client.connection.send('hello')
      return client.response()
    },
    async app(app) {
      await app.request()
      app.answer('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
    },
  },
  {
    id: 'head-first',
    async client(client) {
      client.ask(requestText('POST /', ['Content-Length: 5']))
      const first = await client.connection.until('early;')
      client.connection.send('hello')
      return [first.slice(-6), await client.connection.bytes(4)]
    },
    async app(app) {
      const head = await app.head()
      if (head === undefined) return
      app.answer('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nearly;')
      await app.body(head)
      app.connection.send('late')
    },
    // A short answer is held back until it is whole where its session's file has to be saved before.
    settings: ['without a session', 'with a session', 'with a session that changes'],
  },
]
