import { describe, expect, it } from 'vitest'
import { parseCookieDate, parseSetCookie } from '../../../src/http/cookies.ts'

const PLAIN = { domain: undefined, path: undefined, maxAgeS: undefined, expires: undefined, secure: false }

describe('reading Set-Cookie', () => {
  it.each([
    ['a=1', { name: 'a', value: '1' }],
    ['  a  =  1  ', { name: 'a', value: '1' }],
    ['a="1 2"', { name: 'a', value: '"1 2"' }],
    ['a=b=c', { name: 'a', value: 'b=c' }],
    ['lone', { name: '', value: 'lone' }],
    ['=lone', { name: '', value: 'lone' }],
    ['a=', { name: 'a', value: '' }],
    ['a=1;', { name: 'a', value: '1' }],
    ['a=1; HttpOnly; SameSite=Lax; Priority=High; Partitioned', { name: 'a', value: '1' }],
    ['a=1; SECURE', { name: 'a', value: '1', secure: true }],
    ['a=1; secure=no', { name: 'a', value: '1', secure: true }],
    ['a=1; Path=/x', { name: 'a', value: '1', path: '/x' }],
    ['a=1; pAtH = /x ', { name: 'a', value: '1', path: '/x' }],
    ['a=1; Path=x', { name: 'a', value: '1' }],
    ['a=1; Path=', { name: 'a', value: '1' }],
    ['a=1; Path', { name: 'a', value: '1' }],
    ['a=1; Path=/x; Path=/y', { name: 'a', value: '1', path: '/y' }],
    ['a=1; Path=/x; Path=y', { name: 'a', value: '1' }],
    ['a=1; Path="/x"', { name: 'a', value: '1' }],
    ['a=1; Domain=A.Example', { name: 'a', value: '1', domain: 'a.example' }],
    ['a=1; Domain=.a.example', { name: 'a', value: '1', domain: 'a.example' }],
    ['a=1; Domain=', { name: 'a', value: '1' }],
    ['a=1; Domain=b.example; Domain=', { name: 'a', value: '1' }],
    ['a=1; Max-Age=60', { name: 'a', value: '1', maxAgeS: 60 }],
    ['a=1; max-age=-1', { name: 'a', value: '1', maxAgeS: -1 }],
    ['a=1; Max-Age=0', { name: 'a', value: '1', maxAgeS: 0 }],
    ['a=1; Max-Age=+60', { name: 'a', value: '1' }],
    ['a=1; Max-Age=6e1', { name: 'a', value: '1' }],
    ['a=1; Max-Age=1.5', { name: 'a', value: '1' }],
    ['a=1; Max-Age="60"', { name: 'a', value: '1' }],
    ['a=1; Max-Age=', { name: 'a', value: '1' }],
    ['a=1; Max-Age=60; Max-Age=soon', { name: 'a', value: '1', maxAgeS: 60 }],
    ['a=1; Expires=Thu, 01 Jan 1970 00:00:01 GMT', { name: 'a', value: '1', expires: 1000 }],
    ['a=1; Expires=never', { name: 'a', value: '1' }],
    ['a=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:01 GMT', { name: 'a', value: '1', maxAgeS: 60, expires: 1000 }],
  ])('takes %j apart', (header, expected) => {
    expect(parseSetCookie(header)).toEqual({ ...PLAIN, ...expected })
  })

  it.each(['', ' ', '=', ' = ; Path=/', ';', '; Secure', 'a=\u0000', 'a\u001f=1', 'a=1\r\n', 'a=1; Path=/\u007f'])('ignores %j, as a browser would', (header) => {
    expect(parseSetCookie(header)).toBeUndefined()
  })

  it('lets a tab pass', () => {
    expect(parseSetCookie('a=1\t2\t;\tSecure')).toEqual({ ...PLAIN, name: 'a', value: '1\t2', secure: true })
  })

  it('keeps bytes beyond ASCII, also those that count as space in Unicode but not in HTTP', () => {
    const value = Buffer.from('voilà').toString('latin1')
    expect(parseSetCookie(`a=${value}; Path=/${value}`)).toEqual({ ...PLAIN, name: 'a', value, path: `/${value}` })
  })

  it('reads an age of any length', () => {
    expect(parseSetCookie(`a=1; Max-Age=${'9'.repeat(400)}`)?.maxAgeS).toBe(Number.POSITIVE_INFINITY)
  })
})

describe('dates of cookies', () => {
  const at = Date.UTC(1994, 10, 6, 8, 49, 37)

  it.each([
    'Sun, 06 Nov 1994 08:49:37 GMT',
    'Sunday, 06-Nov-94 08:49:37 GMT',
    'Sun Nov  6 08:49:37 1994',
    'Sun, 06-Nov-1994 08:49:37 GMT',
    '06 November 1994 08:49:37',
    '1994 6 nov 08:49:37',
    '08:49:37 6 NOVEMBRE 94',
    '6/Nov/1994;8:49:37',
    'xx Nov 6th 1994x 08:49:37.500 +0200',
  ])('%s is understood', (text) => {
    expect(parseCookieDate(text)).toBe(at)
  })

  it.each([
    ['1 Jan 69 00:00:00', Date.UTC(2069, 0, 1)],
    ['1 Jan 70 00:00:00', Date.UTC(1970, 0, 1)],
    ['1 Jan 99 00:00:00', Date.UTC(1999, 0, 1)],
    ['1 Jan 00 00:00:00', Date.UTC(2000, 0, 1)],
    ['1 Jan 1601 00:00:00', Date.UTC(1601, 0, 1)],
    ['31 Dec 9999 23:59:59', Date.UTC(9999, 11, 31, 23, 59, 59)],
    ['29 Feb 2024 00:00:00', Date.UTC(2024, 1, 29)],
    ['1 Jan 2020 1:2:3', Date.UTC(2020, 0, 1, 1, 2, 3)],
  ])('%s is a date', (text, expected) => {
    expect(parseCookieDate(text)).toBe(expected)
  })

  it.each([
    '', '0', 'Sun', 'Sun, 06 Nov 1994', '06 Nov 08:49:37', 'Nov 1994 08:49:37', '06 1994 08:49:37',
    '0 Jan 2020 00:00:00', '32 Jan 2020 00:00:00', '30 Feb 2020 00:00:00', '29 Feb 2023 00:00:00', '31 Apr 2020 00:00:00',
    '1 Jan 1600 00:00:00', '1 Jan 100 00:00:00', '1 Jan 20200 00:00:00', '1 Jan 2020 24:00:00', '1 Jan 2020 00:60:00', '1 Jan 2020 00:00:60',
    '1 Jan 2020 00:00', '1 Jan 2020 000:00:00', '2020-01-01T00:00:00Z', '1577836800',
  ])('%j is none', (text) => {
    expect(parseCookieDate(text)).toBeUndefined()
  })
})
