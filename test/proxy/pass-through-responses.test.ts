import { describe, expect, it } from 'vitest'
import { type OriginApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient, type RawResponse } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'

/** Of one connection, and so each side's own. */
const PER_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding'])

function comparable(response: RawResponse): RawResponse {
  return { ...response, headers: response.headers.filter((_, i, all) => !PER_CONNECTION.has((all[i - (i % 2)] ?? '').toLowerCase())) }
}

/** The app answers with exactly these bytes; asked directly and through the sidecar, the answers must be the same. */
async function sameAsDirect(answer: string, request = get('/')): Promise<RawResponse> {
  await using app = await rawReplies((socket) => {
    socket.write(Buffer.from(answer, 'latin1'))
    if (!/content-length|chunked/i.test(answer) && !/^HTTP\/1.1 [23]04/.test(answer)) socket.end()
  })
  return await through(app, request)
}

async function through(app: OriginApp, request: string): Promise<RawResponse> {
  await using sidecar = await runSidecar(app)
  const options = { bodiless: request.startsWith('HEAD') }
  const direct = await ask(app.address, request, options)
  const response = await ask(sidecar.address, request, options)
  expect(comparable(response)).toEqual(comparable(direct))
  return response
}

const same = (answer: string, request?: string) => async (): Promise<void> => { await sameAsDirect(answer, request) }

describe('an answer of the app is the same through the sidecar', () => {
  it('with headers in any case, order and number', same('HTTP/1.1 200 OK\r\nx-B: 1\r\nX-a: 2\r\nX-b: 3\r\nVary: A\r\nvary: B\r\nX-Empty:\r\nLink: <a>\r\nCONTENT-LENGTH: 2\r\nX-After: \t padded \t\r\n\r\nok'))

  it('with many Set-Cookies, odd ones among them', same(`HTTP/1.1 200 OK\r\nContent-Length: 0\r\n${Array.from({ length: 60 }, (_, i) => `Set-Cookie: c${i}="v;a l"; Path=/${i}; Expires=Thu, 01 Jan 2099 00:00:00 GMT\r\n`).join('')}set-cookie: =x\r\nSET-COOKIE: lonely\r\n\r\n`))

  it('with Latin-1 and UTF-8 bytes in header values', same(`HTTP/1.1 200 OK\r\nX-L: caf\u00e9\u00ff\u0080\r\nX-U: ${Buffer.from('\u{1f36a}ž').toString('latin1')}\r\nContent-Length: 0\r\n\r\n`))

  it.each(['OK', 'Fine, thanks', '', Buffer.from('Všechno \u{1f36a}').toString('latin1'), ' spaced  out'])('with the reason phrase "%s"', async (reason) => {
    await sameAsDirect(`HTTP/1.1 200 ${reason}\r\nContent-Length: 0\r\n\r\n`)
  })

  it('but for a reason phrase in Latin-1, which is left out', async () => {
    await using app = await rawReplies((socket) => socket.write(Buffer.from('HTTP/1.1 200 Caf\u00e9\r\nContent-Length: 0\r\n\r\n', 'latin1')))
    await using sidecar = await runSidecar(app)
    expect((await ask(sidecar.address, get('/'))).statusLine).toBe('HTTP/1.1 200 ')
  })

  it.each([200, 201, 206, 226, 299, 301, 400, 404, 418, 451, 500, 503, 599, 799])('with status %i', async (status) => {
    await sameAsDirect(`HTTP/1.1 ${status} Words\r\nContent-Length: 4\r\n\r\nbody`)
  })

  it('with its own Date or none', async () => {
    const none = await sameAsDirect('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
    expect(headerValue(none, 'date')).toBeUndefined()
    const own = await sameAsDirect('HTTP/1.1 200 OK\r\ndate: yesterday\r\nContent-Length: 0\r\n\r\n')
    expect(headerValues(own, 'date')).toEqual(['yesterday'])
  })

  it('to a HEAD, with the length of what a GET would bring', async () => {
    const response = await sameAsDirect('HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: "x"\r\n\r\n', get('/', [], 'HEAD'))
    expect(headerValue(response, 'content-length')).toBe('12345')
  })

  it('to a HEAD, chunked', same('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n', get('/', [], 'HEAD')))

  it.each(['GET', 'HEAD'])('to a %s, but for a Trailer header that nothing can come of', async (method) => {
    await using app = await rawReplies((socket) => socket.write(`HTTP/1.1 200 OK\r\nX-A: 1\r\nTrailer: X-Sum\r\nContent-Length: 2\r\n\r\n${method === 'GET' ? 'ok' : ''}`))
    await using sidecar = await runSidecar(app)
    const response = await ask(sidecar.address, get('/', [], method), { bodiless: method === 'HEAD' })
    expect(response.headers.slice(0, 4)).toEqual(['X-A', '1', 'Content-Length', '2'])
  })

  it('with 204 and headers', same('HTTP/1.1 204 No Content\r\nX-A: 1\r\nAllow: GET\r\n\r\n'))

  it('with 204 and a Content-Length that says nothing', same('HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n'))

  it('with 304, validators, and the length of what was not sent', same('HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nContent-Length: 999\r\nCache-Control: max-age=1\r\nLast-Modified: x\r\n\r\n', get('/', ['If-None-Match: "x"'])))

  it('with a range, and with many', async () => {
    await sameAsDirect('HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-3/9\r\nContent-Length: 3\r\n\r\nabc', get('/', ['Range: bytes=1-3']))
    await sameAsDirect('HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=b\r\nContent-Length: 8\r\n\r\n--b\r\n--b-', get('/', ['Range: bytes=1-3,5-']))
  })

  it('chunked, in sizes written oddly, with extensions', async () => {
    const response = await sameAsDirect('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00003;a=b;c="d"\r\nabc\r\n0A\r\n0123456789\r\n1\r\n\n\r\n000\r\n\r\n')
    expect(response.body).toBe('abc0123456789\n')
  })

  it('chunked, with trailers, announced or not', async () => {
    const response = await sameAsDirect('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nok\r\n0\r\nX-Sum: abc\r\nx-Other: 1\r\n\r\n')
    expect(response.trailers).toEqual(['X-Sum', 'abc', 'x-Other', '1'])
  })

  it('chunked, empty, with trailers', async () => {
    const response = await sameAsDirect('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n0\r\nX-Sum: abc\r\n\r\n')
    expect(response.trailers).toEqual(['X-Sum', 'abc'])
  })

  it('up to the end of its connection', async () => {
    const response = await sameAsDirect(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n${'x'.repeat(100_000)}`)
    expect(headerValue(response, 'transfer-encoding')).toBe('chunked')
  })

  it('of HTTP/1.0', async () => {
    await using app = await rawReplies((socket) => socket.end('HTTP/1.0 200 OK\r\nX-Old: yes\r\n\r\nold'))
    await using sidecar = await runSidecar(app)
    const response = await ask(sidecar.address, get('/'))
    expect([response.status, response.body, headerValue(response, 'x-old')]).toEqual([200, 'old', 'yes'])
  })

  it('with 200 KB of headers', same(`HTTP/1.1 200 OK\r\n${Array.from({ length: 100 }, (_, i) => `X-H${i}: ${'v'.repeat(2_000)}\r\n`).join('')}Content-Length: 2\r\n\r\nok`))
})

describe('interim answers', () => {
  const FINAL = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

  async function interim(text: string): Promise<RawResponse[]> {
    await using app = await rawReplies((socket) => socket.write(text + FINAL))
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/'))
    const responses: RawResponse[] = []
    do responses.push(await client.response()); while ((responses.at(-1)?.status ?? 0) < 200)
    return responses
  }

  it('103 Early Hints pass with their headers, more than one', async () => {
    const text = 'HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload; as=style\r\nLink: </b.js>; rel=preload\r\nX-Hint: 1\r\n\r\n'
    const responses = await interim(text + text)
    expect(responses.map(({ status }) => status)).toEqual([103, 103, 200])
    expect(headerValues(responses[0] ?? { headers: [] }, 'link').join(', ')).toBe('</a.css>; rel=preload; as=style, </b.js>; rel=preload')
    expect(headerValue(responses[0] ?? { headers: [] }, 'x-hint')).toBe('1')
  })

  it('103 with a Link that is not quite one passes, or is left out, but does not break the answer', async () => {
    const responses = await interim('HTTP/1.1 103 Early Hints\r\nLink: <a b>; rel=\r\n\r\n')
    expect(responses.at(-1)).toMatchObject({ status: 200, body: 'ok' })
  })

  it('102 Processing passes, and so does a number that is not known yet', async () => {
    const responses = await interim('HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 104 Upload Resumption\r\nUpload-Offset: 1\r\n\r\n')
    expect(responses.map(({ status }) => status)).toEqual([102, 104, 200])
  })

  it('103 keeps what is reserved, and cookies, to itself', async () => {
    const [hint] = await interim('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX-Session-User: 1\r\nSet-Cookie: sid=1\r\n\r\n')
    expect(hint?.headers).toEqual(['Link', '</a>; rel=preload'])
  })

  it('goes out when the app sends it, not with the answer', async () => {
    let finish: () => void = () => undefined
    await using app = await rawReplies((socket) => {
      socket.write('HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n')
      finish = () => socket.write(FINAL)
    })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    expect((await client.send(get('/')).response()).status).toBe(103)
    expect(client.pending).toBe('')
    finish()
    expect((await client.response()).body).toBe('ok')
  })
})
