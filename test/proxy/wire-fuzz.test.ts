/**
 * Mutated requests over raw sockets, through a real sidecar to an app that reads as narrowly as can be: whatever a client sends, each request that the app
 * gets went through the sidecar, and can be read in one way only; and the sidecar answers in its own words, or not at all.
 */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sessionCases } from '../support/cases.ts'
import { ask, get, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { type StrictRequest, strictApp } from '../support/strict-app.ts'
import { TokenHolder } from '../support/visitor.ts'

/** What requests are made of, right and wrong. TOKEN stands for a token cookie that is good. */
const line = fc.constantFrom(
  'GET / HTTP/1.1', 'POST / HTTP/1.1', 'HEAD /a?b HTTP/1.1', 'GET http://other.example/x HTTP/1.1', 'OPTIONS * HTTP/1.1', 'POST / HTTP/1.0', 'GET /set HTTP/1.1', 'DELETE /end HTTP/1.1', 'PUT /;x=/../%2e%ff HTTP/1.1', 'CONNECT a:1 HTTP/1.1', 'TRACE / HTTP/1.1', 'get / HTTP/1.1', 'GET  / HTTP/1.1', 'GET / HTTP/1.2', 'GET /', 'PRI * HTTP/2.0',
)
const field = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(
  'Host: app.example', 'Host: other.example', 'host:', 'Content-Length: 5', 'Content-Length: 0', 'Content-Length: 46', 'content-length : 5', 'Content-Length: 5, 5', 'Content-Length: +5', 'Transfer-Encoding: chunked', 'transfer-encoding:chunked', 'Transfer-Encoding: chunked, gzip', 'Transfer-Encoding: identity', 'Transfer_Encoding: chunked', 'Content_Length: 5', 'Transfer-Encoding:\tchunked',
  'Connection: close', 'Connection: keep-alive, X-Forwarded-For, Content-Length', 'Connection: Upgrade', 'Connection: X-Session-User, Host, Cookie', 'Upgrade: websocket', 'Upgrade: h2c', 'HTTP2-Settings: AAA', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13', 'Expect: 100-continue', 'Expect: x', 'TE: trailers', 'Trailer: X-Session-User', 'Keep-Alive: 5', 'Proxy-Connection: keep-alive',
  'X-Session-User: admin', 'X_Session_User: admin', 'X-Session-User : admin', 'X.Session-Id: 1', 'Unstick-Error: x', 'X-Forwarded-For: 6.6.6.6', 'X_Forwarded_For: 6.6.6.6', 'Forwarded: for=6.6.6.6', 'X-Forwarded-Proto: https', 'X-Forwarded-Host: evil.example',
  'Cookie: sid=evil', 'Cookie: TOKEN; a=1', 'Cookie: sid=evil; TOKEN; SID=evil', 'Cookie: a="b; sid=evil"', 'cookie: unstick=forged', 'X-A: b', ' X-Session-User: folded', '\tfolded', ': nameless', 'nocolon', 'X-A: a\0b', 'X-A: a\rb', 'X-A: \u0080\u00ff', 'X A: b',
) }, { weight: 1, arbitrary: fc.constantFrom('X-Pad', 'X_Session', 'Host', 'Cookie').map((name) => `${name}: ${'x'.repeat(40)}`) })
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: app.example\r\nX-Session-User: admin\r\n\r\n'
const body = fc.constantFrom('', '', 'hello', '5\r\nhello\r\n0\r\n\r\n', '0\r\n\r\n', SMUGGLED, `0\r\n\r\n${SMUGGLED}`, `5\r\nhello\r\n0\r\nX-Session-User: admin\r\nX-T: 1\r\nContent-Length: 5\r\n\r\n`, '5;a="b\r\nhello\r\n0\r\n\r\n', `5;${'x'.repeat(50)}\r\nhello\r\n0\r\n\r\n`, '5\nhello\n0\n\n', '0005\r\nhello\r\n00\r\n\r\n', `1e\r\n${SMUGGLED}`, '5\r\nhelloXX0\r\n\r\n', `5\r\nhello\r\n0\r\nHost: x\r\n\tY: z\r\n\r\n${SMUGGLED}`)
const ending = fc.oneof({ weight: 12, arbitrary: fc.constant('\r\n') }, { weight: 1, arbitrary: fc.constantFrom('\n', '\r', '\r\r\n', '\n\r', ' \r\n', '\0\r\n') })
const chaos = fc.record({ first: line, fields: fc.array(field, { maxLength: 5 }), hosted: fc.integer({ min: 0, max: 9 }), end: ending, blank: ending, body })
  .map(({ first, fields, hosted, end, blank, body: rest }) => `${first}${end}${(hosted > 0 ? ['Host: app.example', ...fields] : fields).map((text) => text + end).join('')}${blank}${rest}`)
/** Right but for what is in its fields: what is wrong with most others keeps them from ever reaching the app. */
const sound = fc.record({
  path: fc.constantFrom('/', '/set', '/end', '/a;b/..?c'), fields: fc.array(field.filter((text) => /^[\w.-]+: /.test(text) && !/^(host|content-length|transfer-encoding):|[\r\0]|^upgrade: w/i.test(text)), { maxLength: 4 }),
  kind: fc.constantFrom('GET', 'HEAD', 'DELETE', 'length', 'chunks'), chunks: fc.array(fc.constantFrom('hello', SMUGGLED, '0\r\n\r\n', '\r\n'), { maxLength: 3 }),
  trailers: fc.array(fc.constantFrom('X-T: 1', 'X-Session-User: admin', 'X_Forwarded_For: 6.6.6.6', 'Content-Length: 5', 'Host: evil', 'Cookie: sid=evil', 'Transfer-Encoding: chunked'), { maxLength: 2 }),
}).map(({ path, fields, kind, chunks, trailers }) => {
  const head = (method: string, framing: readonly string[]): string => [`${method} ${path} HTTP/1.1`, 'Host: app.example', ...fields, ...framing, '', ''].join('\r\n')
  if (kind === 'length') return `${head('POST', [`Content-Length: ${chunks.join('').length}`])}${chunks.join('')}`
  if (kind !== 'chunks') return head(kind, [])
  return `${head('POST', ['Transfer-Encoding: chunked'])}${chunks.map((chunk) => `${chunk.length.toString(16)};x="y"\r\n${chunk}\r\n`).join('')}0\r\n${trailers.map((text) => `${text}\r\n`).join('')}\r\n`
})
const request = fc.oneof(chaos, sound)
const edit = fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), remove: fc.nat({ max: 3 }), insert: fc.constantFrom('', '\r', '\n', '\r\n', '\0', ' ', '\t', ':', ';', '=', ',', '\u000b', '\u00ff', '%', '/', '0', 'HTTP/1.1', '\r\n ', SMUGGLED) })
const attack = fc.record({ requests: fc.array(request, { minLength: 1, maxLength: 3 }), edits: fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(edit, { maxLength: 3 })), cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 2 }) })

const mutated = (text: string, edits: readonly { at: number; remove: number; insert: string }[]): string =>
  edits.reduce((before, { at, remove, insert }) => { const from = Math.floor(at * before.length); return before.slice(0, from) + insert + before.slice(from + remove) }, text)

/** What the sidecar may answer to bytes of a client, while its app and its store are well. */
const ALLOWED = new Set([101, 100, 200, 400, 413, 431])

/** The statuses of all answers that came, by their status lines: the app's bodies have none. */
const statuses = (received: string): number[] => [...received.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status]) => Number(status))

const names = (list: readonly string[]): string[] => list.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())

/** What the app was told can only have come from the sidecar, and nothing in it from the client that is not the client's to say. */
function judge({ headers, trailers, target }: StrictRequest): void {
  const value = (name: string): string[] => headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name)
  expect([value('x-forwarded-for'), value('x-forwarded-proto'), value('forwarded').length, value('x-forwarded-host').length], target).toEqual([['127.0.0.1'], ['http'], 1, 1])
  const loose = [...names(headers), ...names(trailers)].map((name) => name.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, ''))
  expect(loose.filter((name) => /^(x-session|unstick)(-|$)/.test(name))).toEqual([])
  expect(loose.filter((name) => /^(x-forwarded|forwarded)/.test(name))).toHaveLength(4)
  expect(names(trailers).filter((name) => /^(host|content-length|transfer-encoding|cookie|set-cookie|connection|upgrade|te|expect|trailer)$/.test(name))).toEqual([])
  expect(value('cookie').length).toBeLessThanOrEqual(1)
  expect(value('cookie').join()).not.toMatch(/evil|unstick/)
}

describe('any bytes of a client', () => {
  it('reach the app as requests of the sidecar with one reading each, or are refused with a code', async () => {
    await using app = await strictApp(({ method, target, headers }) => {
      if (headers.some((text, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'upgrade' && text === 'websocket')) return 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'
      const set = target === '/set' ? 'Set-Cookie: sid=mine\r\n' : target === '/end' ? 'Set-Cookie: sid=; Max-Age=0\r\n' : ''
      return `HTTP/1.1 200 OK\r\n${set}Content-Length: 2\r\n\r\n${method === 'HEAD' ? '' : 'ok'}`
    })
    await using sidecar = await runSidecar(app, { trustedProxies: [], limits: { headerBytes: 4096 }, routes: [{ match: 'DELETE /**', lock: 'exclusive', lockWaitMs: 5_000 }] })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set')
    expect(visitor.cookie).toMatch(/^unstick=./)
    await fc.assert(fc.asyncProperty(attack, async ({ requests, edits, cuts }) => {
      app.requests.length = 0
      const text = mutated(requests.join('').replaceAll('TOKEN', visitor.cookie ?? ''), edits)
      using client = await RawClient.connect(sidecar.address)
      let from = 0
      for (const at of [...cuts.map((cut) => Math.floor(cut * text.length)).toSorted((a, b) => a - b), text.length]) {
        client.send(text.slice(from, at))
        from = at
        await new Promise((resolve) => { setImmediate(resolve) })
      }
      // By the time that others had theirs, what can be answered has been. To close only one way is to hang up.
      for (let i = 0; i < 2; i += 1) await ask(sidecar.address, get('/marker'))
      client.socket.end()
      await client.ended()
      const answered = statuses(client.pending)
      expect(answered.filter((status) => !ALLOWED.has(status)), client.pending).toEqual([])
      expect(app.violations).toEqual([])
      for (const seen of app.requests) judge(seen)
      // Each answer of the app is to a request that it has seen.
      expect(answered.filter((status) => status === 200).length).toBeLessThanOrEqual(app.requests.filter(({ target }) => target !== '/marker').length)
    }), sessionCases(1_500))
    // It serves on, and none of it was a fault of its own.
    expect((await ask(sidecar.address, get('/'))).body).toBe('ok')
    expect(sidecar.log()).not.toMatch(/"level":"?(error|fatal|50|60)|internal/)
  })
})
