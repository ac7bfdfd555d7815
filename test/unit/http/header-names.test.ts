import { describe, expect, it } from 'vitest'
import { foldHeaderName, headerKind } from '../../../src/http/header-names.ts'

describe('what a header is to unstick', () => {
  it.each([
    ['X-Session-User', 'reserved'], ['x_session_user', 'reserved'], ['X.Session.User', 'reserved'], ['X-Session', 'reserved'], ['X--Session__User', 'reserved'],
    ['-X-Session-User', 'reserved'], ['Unstick-Error', 'reserved'], ['UNSTICK_ERROR', 'reserved'], ['unstick', 'reserved'],
    ['X-Forwarded-For', 'forwarded'], ['x_forwarded_for', 'forwarded'], ['X-Forwarded-Anything', 'forwarded'], ['Forwarded', 'forwarded'], ['FORWARDED', 'forwarded'],
    ['Connection', 'connection'], ['Keep-Alive', 'hop'], ['TE', 'te'], ['Proxy-Connection', 'hop'], ['Proxy-Authorization', 'hop'], ['HTTP2-Settings', 'hop'],
    ['Cookie', 'cookie'], ['COOKIE', 'cookie'], ['Set-Cookie', 'set-cookie'], ['Host', 'host'], ['Content-Length', 'content-length'],
    ['Transfer-Encoding', 'transfer-encoding'], ['Expect', 'expect'], ['Upgrade', 'upgrade'],
    ['Accept', 'plain'], ['X-Sess', 'plain'], ['XSession', 'plain'], ['X-SessionUser', 'plain'], ['Unsticky', 'plain'], ['Session', 'plain'], ['My-Unstick', 'plain'], ['Forwarded-By', 'plain'], ['X-Real-IP', 'plain'], ['Trailer', 'plain'],
  ])('%s: %s', (name, kind) => {
    expect(headerKind(name)).toBe(kind)
    expect(headerKind(name)).toBe(kind)
  })

  it('folds what apps fold, and nothing more', () => {
    expect(foldHeaderName('X__Session.-User_')).toBe('x-session-user')
    expect(foldHeaderName('XSessionUser')).toBe('xsessionuser')
  })
})
