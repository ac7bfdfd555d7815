import { describe, expect, it } from 'vitest'
import { CookieNames, cookieSorter } from '../../../src/http/cookie-names.ts'
import type { Peer } from '../../../src/http/forwarded.ts'
import { headerKind } from '../../../src/http/header-names.ts'
import { sortRequest, type SortedRequest, upstreamHeaders } from '../../../src/http/request-head.ts'
import { incomingRequest } from '../../support/incoming-request.ts'

const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, new CookieNames(['my_sid']))
const stranger: Peer = { address: '203.0.113.9', trusted: false, encrypted: false }
const balancer: Peer = { address: '10.0.0.2', trusted: true, encrypted: false }

type Line = Parameters<typeof incomingRequest>[1]

const sorted = (raw: readonly string[], peer: Peer = stranger, line: Line = {}): SortedRequest => sortRequest(incomingRequest(raw, line), peer, sorter, headerKind)
const withHost = (raw: readonly string[], peer?: Peer, line?: Line): SortedRequest => sorted(['Host', 'app.example', ...raw], peer, line)
/** What reaches the app, without what unstick adds itself. */
const sent = (request: SortedRequest): string[] => {
  const headers = upstreamHeaders(request)
  return headers.slice(0, headers.indexOf('Host')).concat(headers.slice(headers.indexOf('Forwarded') + 2))
}
const cookies = (header: string, peer?: Peer): string[] => sent(withHost(['Cookie', header], peer))

describe('headers on their way to the app', () => {
  it('pass as they came: order, case, repeats and odd values', () => {
    const raw = ['accept', '*/*', 'X-A', '1', 'x-a', '2', 'ETag', '', 'X-Latin', 'caf\u00e9', 'Content-Length', '3', 'X-B', ' ']
    expect(sent(withHost(raw))).toEqual(raw)
  })

  it('lose what belongs to the connection', () => {
    expect(sent(withHost(['Keep-Alive', '5', 'TE', 'gzip', 'Proxy-Authorization', 'x', 'Proxy-Connection', 'close', 'Upgrade', 'h2c', 'Expect', '100-continue', 'Accept', 'a']))).toEqual(['Accept', 'a'])
  })

  it('keep of TE that trailers are taken, because they are passed on, and no codings', () => {
    expect(sent(withHost(['TE', 'gzip;q=0.5, trailers', 'te', 'Trailers', 'TE', 'nontrailers']))).toEqual(['TE', 'trailers', 'te', 'trailers'])
  })

  it('lose what Connection lists, in whatever case and place', () => {
    expect(sent(withHost(['X-Hop', '1', 'Connection', 'close, x-hop', 'X-Stay', '2', 'connection', ' X-HOP2 ,,', 'x-hop2', '3']))).toEqual(['X-Stay', '2'])
  })

  it('keep what Connection has no say over: framing, Host, cookies, and what unstick adds', () => {
    const request = withHost(['Content-Length', '3', 'Connection', 'Content-Length, Host, Cookie, X-Forwarded-For, Forwarded', 'Cookie', 'a=1'])
    expect(request.head.host).toBe('app.example')
    expect(upstreamHeaders(request)).toEqual([
      'Content-Length', '3', 'Host', 'app.example', 'X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'app.example',
      'Forwarded', 'for=203.0.113.9;host=app.example;proto=http', 'Cookie', 'a=1',
    ])
  })

  it('lose reserved names in every spelling, also from a trusted proxy', () => {
    for (const peer of [stranger, balancer]) expect(sent(withHost(['X-Session-User', 'a', 'x_session_user', 'b', 'X.Session', 'c', 'Unstick-Error', 'd'], peer))).toEqual([])
  })

  it('lose forwarding headers of a stranger, and keep the others of a trusted proxy', () => {
    const raw = ['X-Forwarded-Port', '443', 'X-Forwarded-For', '1.1.1.1', 'x_forwarded_for', '6.6.6.6', 'X_Forwarded_Port', '1']
    expect(sent(withHost(raw))).toEqual([])
    const request = withHost(raw, balancer)
    expect(sent(request)).toEqual(['X-Forwarded-Port', '443'])
    expect(request.head.headers).toContain('1.1.1.1, 10.0.0.2')
  })

  it('join repeated forwarding headers in order', () => {
    const request = withHost(['X-Forwarded-For', '1.1.1.1', 'Forwarded', 'for=1.1.1.1', 'X-Forwarded-For', '2.2.2.2', 'Forwarded', 'for=2.2.2.2'], balancer)
    expect(request.head.headers).toEqual(expect.arrayContaining(['1.1.1.1, 2.2.2.2, 10.0.0.2', 'for=1.1.1.1, for=2.2.2.2, for=10.0.0.2;host=app.example;proto=http']))
  })
})

describe('cookies on their way to the app', () => {
  it('pass byte for byte when none of them is anybody else\'s', () => {
    for (const header of ['a=1', 'a=1;b=2', ' a=1 ;  b = 2;', 'lone', 'a="x; y"', '=x', '=a=b', 'a=\u00a0']) expect(cookies(header)).toEqual(['Cookie', header])
  })

  it('become one header, in order, without the token and vaulted names', () => {
    const request = withHost(['Cookie', 'a=1; unstick=T1; my_sid=x', 'X-A', '1', 'cookie', 'b=2; MY.SID=y; unstick=T2'])
    expect(sent(request)).toEqual(['X-A', '1', 'Cookie', 'a=1; b=2'])
    expect(request.tokens).toEqual(['T1', 'T2'])
    expect(request.head.dropped).toEqual([{ name: 'my_sid', value: 'x' }, { name: 'MY.SID', value: 'y' }])
  })

  it('bring no Cookie header when none is left', () => {
    expect(cookies('unstick=T; my_sid=x')).toEqual([])
    expect(cookies('')).toEqual([])
  })

  it('take what a carrier adds', () => {
    const request = withHost(['Cookie', 'a=1'])
    request.head.cookies = [...request.head.cookies, { name: 'my_sid', value: 'vaulted' }]
    expect(sent(request)).toEqual(['Cookie', 'a=1; my_sid=vaulted'])
  })

  it('give the token only under the name of the kind of connection', () => {
    const https = withHost(['X-Forwarded-Proto', 'https', 'Cookie', 'unstick=planted; __Host-unstick=T; a=1'], balancer)
    expect(https.tokens).toEqual(['T'])
    expect(https.https).toBe(true)
    const http = withHost(['X-Forwarded-Proto', 'https', 'Cookie', 'unstick=T; __Host-unstick=planted; a=1'], stranger)
    expect(http.tokens).toEqual(['T'])
    for (const request of [https, http]) expect(sent(request)).toEqual(['Cookie', 'a=1'])
  })

  // Each is a vaulted cookie to some server: a nameless value to one that skips the first "=", a second pair to Python's
  // http.cookies (after a space) or to one that follows RFC 2109 (after a comma).
  it.each(['=my_sid=forged', '= my_sid = forged', 'my_sid', 'a=b my_sid=forged', 'a=b, my_sid=forged', 'a=b,my_sid=forged', 'a=b my_sid =forged', '$Version=1; a="b", MY_SID=forged', 'a=b\tmy.sid=forged', 'a=b\u00a0my_sid=forged', '=unstick=T'])('lose %j, in which some server sees a vaulted one', (header) => {
    expect(cookies(`ok=1; ${header}`).join('')).not.toMatch(/my.sid|unstick/i)
    expect(cookies(`ok=1; ${header}`).join('')).toContain('ok=1')
  })

  it.each(['a=my_sid', 'a=x my_sid y', 'a={"my_sid":1}', 'a=1,2,3=4', 'a=b=my_sid', 'a=x my_sid2=1'])('keep %j, in which nobody does', (header) => {
    expect(cookies(header)).toEqual(['Cookie', header])
  })
})

describe('the host', () => {
  it.each([
    ['App.Example', 'app.example'], ['app.example:8080', 'app.example'], ['[::1]:8080', '[::1]'], ['[::1]', '[::1]'], ['127.0.0.1:1', '127.0.0.1'],
  ])('%j is filed as %j, and passes as it came', (header, name) => {
    const request = sorted(['Host', header])
    expect(request.head.host).toBe(name)
    expect(request.head.headers[request.head.headers.indexOf('Host') + 1]).toBe(header)
  })

  it('that is empty, or none over HTTP/1.0, is filed as none, and has a name all the same for the app', () => {
    for (const request of [sorted(['Host', '']), sorted([], undefined, { minor: 0 })]) {
      expect(request.head.host).toBe('')
      expect(request.head.headers[request.head.headers.indexOf('Host') + 1]).toBe('localhost')
    }
  })

  it('is what a trusted proxy says, for filing cookies; the app gets both', () => {
    const request = withHost(['X-Forwarded-Host', 'Shop.Example:8443'], balancer)
    expect(request.head.host).toBe('shop.example')
    expect(request.head.headers).toEqual(expect.arrayContaining(['Host', 'app.example', 'X-Forwarded-Host', 'Shop.Example:8443']))
    expect(withHost(['X-Forwarded-Host', 'shop.example'], stranger).head.host).toBe('app.example')
  })

  it.each(['localhost', 'a.localhost:80', '127.0.0.1', '127.1.2.3', '[::1]:80'])('%s lets Secure cookies travel over http, as browsers do', (host) => {
    expect(sorted(['Host', host]).head.secure).toBe(true)
  })

  it.each(['app.example', 'localhost.example', 'notlocalhost', '128.0.0.1', '127.0.0.1.example'])('%s does not', (host) => {
    expect(sorted(['Host', host]).head.secure).toBe(false)
    expect(sorted(['Host', host, 'X-Forwarded-Proto', 'https'], balancer).head.secure).toBe(true)
  })

  it('must be there once', () => {
    expect(() => sorted(['Accept', '*/*'])).toThrow(expect.objectContaining({ code: 'bad_request' }))
    expect(() => sorted(['Host', 'a', 'host', 'a'])).toThrow(expect.objectContaining({ code: 'bad_request' }))
    expect(sorted(['Accept', '*/*'], stranger, { minor: 0 }).head.host).toBe('')
  })
})

describe('the target', () => {
  // RFC 9112 3.2: a fragment stays with the client. Servers that take it off see another path than those that do not.
  it.each(['/login#x', '/login?a=1#x', 'http://app.example/a#x', '/#', 'http://app.example#x'])('has no fragment, or is refused: %s', (url) => {
    expect(() => withHost([], stranger, { url })).toThrow(expect.objectContaining({ code: 'bad_request' }))
  })

  it.each([
    ['/', '/', '/'], ['/a?b=c?d', '/a?b=c?d', '/a'], ['/?', '/?', '/'], ['//x/../y', '//x/../y', '//x/../y'], ['/%2e%2e', '/%2e%2e', '/%2e%2e'],
  ])('%s passes as it came', (url, target, path) => {
    expect(withHost([], stranger, { url }).head).toMatchObject({ target, path })
  })

  it.each([
    ['http://other.example/a?b', '/a?b', 'other.example'], ['HTTPS://Other.Example:81', '/', 'other.example'], ['http://other.example?q', '/?q', 'other.example'],
  ])('%s names the host, whatever Host says', (url, target, host) => {
    expect(withHost([], stranger, { url }).head).toMatchObject({ target, host })
  })

  it.each(['a', 'ftp://x/', 'http:///a', 'http://', 'http://user@app.example/', 'http://app.example@evil.example/'])('%s is refused', (url) => {
    expect(() => withHost([], stranger, { url })).toThrow(expect.objectContaining({ code: 'bad_request' }))
  })
})

describe('the body', () => {
  it.each<[string[], boolean]>([
    [[], false], [['Content-Length', '0'], false], [['Content-Length', '1'], true], [['Transfer-Encoding', 'chunked'], true], [['Transfer-Encoding', ' Chunked '], true],
  ])('%j: %s', (raw, hasBody) => {
    const request = withHost(raw)
    expect(request.hasBody).toBe(hasBody)
    expect(sent(request)).toEqual(raw[0] === 'Content-Length' ? raw : [])
  })

  it.each([['gzip, chunked'], ['chunked, chunked'], ['identity'], [''], ['chunked', 'chunked'], ['xchunked']])('is refused with Transfer-Encoding %j %j', (...values: string[]) => {
    expect(() => withHost(values.flatMap((value) => ['Transfer-Encoding', value]))).toThrow(expect.objectContaining({ code: 'bad_request' }))
  })

  it('is not chunked over HTTP/1.0', () => {
    expect(() => withHost(['Transfer-Encoding', 'chunked'], stranger, { minor: 0 })).toThrow(expect.objectContaining({ code: 'bad_request' }))
  })
})

it('tells what the client wants to upgrade to', () => {
  expect(withHost(['Connection', 'Upgrade', 'Upgrade', 'websocket']).upgrade).toBe('websocket')
  expect(withHost([]).upgrade).toBeUndefined()
})
