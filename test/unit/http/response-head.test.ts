import { describe, expect, it } from 'vitest'
import { headerKind } from '../../../src/http/header-names.ts'
import { dropCookies, sortResponse } from '../../../src/http/response-head.ts'

const bytes = (raw: readonly string[]): Buffer[] => raw.map((text) => Buffer.from(text, 'latin1'))

describe("the app's headers on their way to the client", () => {
  it('pass as they came: order, case, repeats, bytes beyond ASCII', () => {
    const raw = ['server', 'x', 'X-A', '1', 'x-a', '2', 'X-Latin', 'caf\u00e9\u00a0', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2', 'Content-Length', '12', 'Trailer', 'X-T']
    expect(sortResponse(bytes(raw), headerKind)).toEqual({ headers: raw, contentLength: 12, hasSetCookie: true, isEventStream: false, coded: false })
    expect(sortResponse(raw, headerKind).headers).toEqual(raw)
  })

  it('lose what belongs to the connection or is not for the app to say', () => {
    const raw = ['Connection', 'keep-alive', 'Keep-Alive', 'timeout=5', 'Transfer-Encoding', 'chunked', 'Upgrade', 'h2c', 'Proxy-Authenticate', 'Basic', 'X-Session-User', 'a', 'x_session', 'b', 'Unstick-Error', 'c', 'Date', 'd']
    expect(sortResponse(bytes(raw), headerKind)).toEqual({ headers: ['Date', 'd'], contentLength: undefined, hasSetCookie: false, isEventStream: false, coded: false, withheld: ['X-Session-User', 'a', 'x_session', 'b', 'Unstick-Error', 'c'] })
  })

  it('lose what Connection lists, but never their length or cookies', () => {
    const raw = ['X-Hop', '1', 'Connection', 'close, X-Hop, Content-Length', 'Content-Length', '1', 'connection', 'set-cookie,x-more', 'Set-Cookie', 'a=1', 'X-More', '2', 'X-Stay', '3']
    expect(sortResponse(bytes(raw), headerKind).headers).toEqual(['Content-Length', '1', 'Set-Cookie', 'a=1', 'X-Stay', '3'])
  })

  it.each([
    ['text/event-stream', true], ['Text/Event-Stream;charset=utf-8', true], ['text/event-stream ', true], ['text/event-streams', false], ['text/html', false],
  ])('of type %s tell whether they begin an event stream', (type, yes) => {
    expect(sortResponse(bytes(['content-TYPE', type]), headerKind)).toMatchObject({ isEventStream: yes })
  })

  it('may be none', () => {
    expect(sortResponse([], headerKind)).toEqual({ headers: [], contentLength: undefined, hasSetCookie: false, isEventStream: false, coded: false })
  })
})

describe('taking cookies out of a response', () => {
  it('looks only at Set-Cookie, by the name before the first "=" or ";"', () => {
    const response = { headers: ['Set-Cookie', 'a=1; Path=/', 'SET-COOKIE', ' a =2', 'X-Cookies', 'a=3', 'Set-Cookie', 'b=a=1', 'Set-Cookie', 'a;x=1', 'Set-Cookie', ''] }
    dropCookies(response, (name) => name === 'a')
    expect(response.headers).toEqual(['X-Cookies', 'a=3', 'Set-Cookie', 'b=a=1', 'Set-Cookie', ''])
  })
})
