/** Answers as they come to the client. */
import { expect } from 'vitest'
import { type Case, exchange, exchanges, requestText, type SameResponse } from './case.ts'

const GET = requestText('GET /')
const HEAD = requestText('HEAD /')
const utf8 = (text: string): string => Buffer.from(text).toString('latin1')
const STATUSES = [200, 201, 202, 203, 206, 207, 226, 299, 300, 301, 302, 303, 307, 308, 400, 401, 404, 410, 418, 429, 451, 500, 501, 503, 599, 799, 999]
const REASONS = ['OK', 'Fine, thanks', '', utf8('Všechno \u{1f36a}'), ' spaced  out', 'a\tb']
const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}Transfer-Encoding: chunked\r\n`

const responses = (told: { readonly client: unknown }): SameResponse[] => told.client as SameResponse[]

/** An answer that clients read in different ways, or not at all: of unstick's own is 502, before any of it has gone out. */
const refused = (id: string, answer: string): Case => ({
  id,
  async client(client) {
    client.ask(GET)
    return client.connection.until('\n')
  },
  async app(app) {
    await app.request()
    app.answer(answer)
  },
  differs: ({ through }) => { expect(through.client).toMatch(/^HTTP\/1\.1 502 Bad Gateway/) },
})

export const answers: readonly Case[] = [
  exchanges('status', STATUSES.map((status) => ({ request: requestText(`GET /${status}`), answer: `HTTP/1.1 ${status} Words\r\nContent-Length: 4\r\n\r\nbody` }))),
  exchanges('reason', REASONS.map((reason, i) => ({ request: requestText(`GET /${i}`), answer: `HTTP/1.1 200 ${reason}\r\nContent-Length: 0\r\n\r\n` }))),
  exchange('reason-latin1', GET, 'HTTP/1.1 200 Caf\u00e9\r\nContent-Length: 2\r\n\r\nok', {
    differs: ({ through }) => { expect(responses(through)).toMatchObject([{ statusLine: 'HTTP/1.1 200 ', body: 'ok' }]) },
  }),
  exchange('answer-header-order', GET, `${OK}x-B: 1\r\nX-a: 2\r\nX-b: 3\r\nVary: A\r\nvary: B\r\nX-Empty:\r\nLink: <a>\r\nWWW-Authenticate: Basic\r\nwww-authenticate: Bearer, Digest a="b"\r\nCONTENT-LENGTH: 2\r\nX-After: \t padded \t\r\n\r\nok`),
  exchange('answer-header-bytes', GET, `${OK}X-L: caf\u00e9\u00ff\u0080\r\nX-U: ${utf8('\u{1f36a}ž')}\r\nContent-Disposition: attachment; filename="\u00e9.txt"; filename*=UTF-8''%C3%A9.txt\r\nContent-Length: 0\r\n\r\n`),
  {
    id: 'answer-header-first',
    async client(client) {
      client.ask(GET)
      const { headers } = await client.connection.head()
      return [headers[headers.indexOf('X-L') + 1], await client.connection.bytes(2)]
    },
    async app(app) {
      await app.request()
      app.answer(`${OK}X-L: caf\u00e9\u00ff\u0080\r\nContent-Length: 70000\r\n\r\n`)
      // Long enough for the head to go out before it.
      for (let i = 0; i < 20; i += 1) await new Promise((resolve) => { setImmediate(resolve) })
      app.connection.send('ok')
    },
  },
  exchange('answer-header-large', GET, `${OK}${Array.from({ length: 100 }, (_, i) => `X-H${i}: ${'v'.repeat(2_000)}\r\n`).join('')}Content-Length: 2\r\n\r\nok`),
  exchange('answer-header-many', GET, `${OK}${Array.from({ length: 3_000 }, (_, i) => `h${i}: ${i % 10}\r\n`).join('')}Content-Length: 2\r\n\r\nok`),
  exchange('set-cookies', GET, `${OK}Content-Length: 0\r\n${Array.from({ length: 60 }, (_, i) => `Set-Cookie: c${i}="v;a l"; Path=/${i}; Expires=Thu, 01 Jan 2099 00:00:00 GMT\r\n`).join('')}set-cookie: =x\r\nSET-COOKIE: lonely\r\nSet-Cookie: a=b; Partitioned; SameSite=None; Secure; Priority=High\r\n\r\n`),
  exchanges('date', [
    { request: requestText('GET /none'), answer: `${OK}Content-Length: 0\r\n\r\n` },
    { request: requestText('GET /own'), answer: `${OK}date: yesterday\r\nServer: mine\r\nContent-Length: 0\r\n\r\n` },
  ]),
  exchanges('head', [
    { request: requestText('HEAD /length'), answer: `${OK}Content-Length: 12345\r\nETag: "x"\r\n\r\n` },
  ]),
  exchange('head-chunked', HEAD, `${CHUNKED}X-A: 1\r\n\r\n`),
  exchange('head-bare', HEAD, `${OK}X-A: 1\r\n\r\n`),
  exchanges('no-content', [
    { request: requestText('GET /1'), answer: 'HTTP/1.1 204 No Content\r\nX-A: 1\r\nAllow: GET\r\n\r\n' },
    { request: requestText('GET /2'), answer: 'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n' },
    { request: requestText('GET /3'), answer: 'HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n' },
  ]),
  exchange('not-modified', requestText('GET /', ['If-None-Match: "x"']), 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 999\r\nCache-Control: max-age=1\r\nLast-Modified: x\r\n\r\n'),
  exchanges('ranges', [
    { request: requestText('GET /1', ['Range: bytes=1-3']), answer: 'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-3/9\r\nContent-Length: 3\r\n\r\nabc' },
    { request: requestText('GET /2', ['Range: bytes=1-3,5-']), answer: 'HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: 9\r\n\r\n--b\r\n--b-' },
    { request: requestText('GET /3', ['Range: bytes=99-']), answer: 'HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n' },
  ]),
  exchanges('answer-length', [0, 1, 8_192, 8_193, 70_000, 3_000_000].map((length) => ({ request: requestText(`GET /${length}`), answer: `${OK}Content-Length: ${length}\r\n\r\n${'\u00fe'.repeat(length)}` }))),
  exchanges('answer-chunks-odd', [
    { request: requestText('GET /1'), answer: `${CHUNKED}\r\n00003;a=b;c="d"\r\nabc\r\n0A\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n` },
    { request: requestText('GET /2'), answer: `${CHUNKED}\r\n0\r\n\r\n` },
    { request: requestText('GET /3'), answer: `${CHUNKED}\r\n${Array.from({ length: 300 }, (_, i) => `${(i + 1).toString(16)}\r\n${String.fromCharCode(i % 256).repeat(i + 1)}\r\n`).join('')}0;end\r\n\r\n` },
    { request: requestText('GET /4'), answer: `${CHUNKED}\r\n186a0\r\n${'x'.repeat(100_000)}\r\n0\r\n\r\n` },
  ]),
  exchanges('trailers-down', [
    { request: requestText('GET /1'), answer: `${CHUNKED}Trailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: abc\r\nx-OTHER: \u00e9\r\nX-Sum: 2\r\n\r\n` },
    { request: requestText('GET /2'), answer: `${CHUNKED}\r\n0\r\nUnannounced: 1\r\n\r\n` },
  ]),
  exchange('trailers-nowhere', GET, `${OK}Trailer: X-Sum\r\nContent-Length: 2\r\n\r\nok`, {
    differs: ({ through }) => { expect(responses(through)).toMatchObject([{ headers: ['Content-Length', '2'], body: 'ok' }]) },
  }),
  exchange('until-close', GET, `${OK}Content-Type: text/plain\r\n\r\n${'x'.repeat(100_000)}`, { end: true }),
  exchange('answer-http10', GET, `${OK.replace('1.1', '1.0')}X-Old: yes\r\n\r\nold`, {
    end: true,
    differs: ({ direct, through }) => { expect(responses(through)).toEqual(responses(direct).map((response) => ({ ...response, statusLine: 'HTTP/1.1 200 OK' }))) },
  }),
  exchange('close-asked', requestText('GET /', ['Connection: close']), `${OK}Connection: close\r\nContent-Length: 2\r\n\r\nok`, { end: true }),
  exchange('early-hints', GET, `HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\nX-Hint: 1\r\nX-L: caf\u00e9\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </b.js>; rel=preload; as=script\r\n\r\n${OK}Link: </a.css>; rel=preload; as=style\r\nContent-Length: 2\r\n\r\nok`),
  exchange('interim', GET, `HTTP/1.1 102 Processing\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`),
  exchange('interim-words', GET, `HTTP/1.1 104 Upload Resumption Supported\r\nUpload-Offset: 1\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`, {
    differs: ({ through }) => { expect(responses(through)).toMatchObject([{ status: 104, headers: ['Upload-Offset', '1'] }, { status: 200, body: 'ok' }]) },
  }),
  exchange('continue-unasked', GET, `HTTP/1.1 100 Continue\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`, {
    differs: ({ through }) => { expect(responses(through)).toMatchObject([{ status: 502 }]) },
  }),
  exchange('upgrade-offered', GET, 'HTTP/1.1 426 Upgrade Required\r\nConnection: Upgrade\r\nUpgrade: websocket, foo/2\r\nContent-Length: 2\r\n\r\nok', {
    differs: ({ through }) => { expect(responses(through)).toMatchObject([{ status: 426, headers: ['Content-Length', '2'], body: 'ok' }]) },
  }),
  refused('answer-folded', `${OK}X-Folded: a\r\n  b\r\nContent-Length: 2\r\n\r\nok`),
  refused('answer-bare-lf', 'HTTP/1.1 200 OK\nX-A: 1\nContent-Length: 2\n\nok'),
  refused('answer-coded', `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`),
]
