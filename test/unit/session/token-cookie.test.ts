import { describe, expect, it } from 'vitest'
import type { TokenCookieConfig } from '../../../src/config/config.ts'
import { parseSetCookie } from '../../../src/http/cookies.ts'
import { TokenCookie } from '../../../src/session/token-cookie.ts'

const DEFAULTS: TokenCookieConfig = { name: 'unstick', path: '/', domain: undefined, sameSite: 'lax', secure: 'auto' }
const cookie = (config: Partial<TokenCookieConfig> = {}): TokenCookie => new TokenCookie({ ...DEFAULTS, ...config })

describe('the token cookie', () => {
  it('is by default for the whole host, until the browser closes', () => {
    expect(cookie().give('T', true, undefined)).toBe('__Host-unstick=T; Path=/; HttpOnly; SameSite=Lax; Secure')
    expect(cookie().give('T', false, undefined)).toBe('unstick=T; Path=/; HttpOnly; SameSite=Lax')
  })

  it.each<[Partial<TokenCookieConfig>, string, string, string, string]>([
    //                                              over https: name, Secure · over http: name, Secure
    [{ secure: 'auto' }, '__Host-unstick', '; Secure', 'unstick', ''],
    [{ secure: true }, '__Host-unstick', '; Secure', '__Host-unstick', '; Secure'],
    [{ secure: false }, 'unstick', '', 'unstick', ''],
    [{ secure: 'auto', path: '/app' }, 'unstick', '; Secure', 'unstick', ''],
    [{ secure: true, path: '/app' }, 'unstick', '; Secure', 'unstick', '; Secure'],
    [{ secure: false, path: '/app' }, 'unstick', '', 'unstick', ''],
    [{ secure: 'auto', domain: 'a.example' }, 'unstick', '; Secure', 'unstick', ''],
    [{ secure: true, domain: 'a.example' }, 'unstick', '; Secure', 'unstick', '; Secure'],
    [{ secure: false, domain: 'a.example' }, 'unstick', '', 'unstick', ''],
    [{ secure: 'auto', domain: 'a.example', path: '/app' }, 'unstick', '; Secure', 'unstick', ''],
  ])('with %j', (config, httpsName, httpsSecure, httpName, httpSecure) => {
    const scope = `; Path=${config.path ?? '/'}${config.domain === undefined ? '' : `; Domain=${config.domain}`}; HttpOnly; SameSite=Lax`
    const given = cookie(config)
    expect(given.names).toEqual({ https: httpsName, http: httpName })
    expect(given.give('T', true, undefined)).toBe(`${httpsName}=T${scope}${httpsSecure}`)
    expect(given.give('T', false, undefined)).toBe(`${httpName}=T${scope}${httpSecure}`)
    expect(given.clear(true)).toBe(`${httpsName}=${scope}${httpsSecure}; Max-Age=0`)
    expect(given.clear(false)).toBe(`${httpName}=${scope}${httpSecure}; Max-Age=0`)
  })

  it('keeps the rules of its prefix wherever it has it', () => {
    for (const secure of ['auto', true, false] as const) {
      for (const path of ['/', '/app']) {
        for (const domain of [undefined, 'a.example']) {
          for (const https of [true, false]) {
            for (const header of [cookie({ secure, path, domain }).give('T', https, 1_000), cookie({ secure, path, domain }).clear(https)]) {
              const parsed = parseSetCookie(header)
              expect(header).toContain('; HttpOnly')
              if (parsed?.name.startsWith('__Host-') === true) expect([parsed.secure, parsed.path, parsed.domain]).toEqual([true, '/', undefined])
            }
          }
        }
      }
    }
  })

  it.each([['lax', 'Lax'], ['strict', 'Strict'], ['none', 'None']] as const)('says SameSite=%s as %s', (sameSite, text) => {
    expect(cookie({ sameSite }).give('T', true, undefined)).toContain(`; SameSite=${text}`)
    expect(cookie({ sameSite }).clear(true)).toContain(`; SameSite=${text}`)
  })

  it.each([[1, 1], [999, 1], [1_000, 1], [1_001, 2], [60_000, 60], [0, 1], [-5_000, 1], [400 * 86_400_000, 34_560_000]])('that lasts %i ms has a Max-Age of %i s: never shorter, never a deletion', (ms, seconds) => {
    expect(parseSetCookie(cookie().give('T', true, ms))?.maxAgeS).toBe(seconds)
  })
})
