import { describe, expect, it } from 'vitest'
import { CookieNames, cookieSorter } from '../../../src/http/cookie-names.ts'

const utf8 = (text: string): string => Buffer.from(text).toString('latin1')

describe("a set of the app's cookie names", () => {
  it('has exactly the names it lists, and those its globs stand for', () => {
    const names = new CookieNames(['sid', 'remember_*', 'ab?'])
    for (const name of ['sid', 'remember_', 'remember_web_59ba36', 'abc']) expect([name, names.has(name)]).toEqual([name, true])
    for (const name of ['SID', 'sid2', 'xsid', '', 'remember', 'xremember_a', 'Remember_a', 'ab', 'abcd']) expect([name, names.has(name)]).toEqual([name, false])
  })

  it('is empty without patterns', () => {
    const names = new CookieNames([])
    expect(names.has('')).toBe(false)
    expect(names.mayPassFor('anything')).toBe(false)
    expect(names.mayPassFor('')).toBe(false)
  })
})

describe('a look-alike of a vaulted cookie', () => {
  const names = new CookieNames(['my_sid', 'remember_*', 'PHPSESSID'])

  it.each([
    // as they are
    'my_sid', 'remember_web', 'PHPSESSID',
    // PHP: dot, space and an unclosed bracket become an underscore, and what is left of a closed one is the name
    'my.sid', 'my sid', 'my[sid', 'my_sid[', 'my_sid[]', 'my_sid[x]', 'my_sid[x][y]', 'my.sid[x', 'remember.web', 'remember[web', 'PHPSESSID[0]',
    // decoding
    'my%5Fsid', 'my%5fsid', 'my%2Esid', 'my%20sid', 'my+sid', '%6d%79_sid', 'my_sid%5B0%5D', '%20my_sid', 'my_sid%20', 'my_sid%00', 'my_sid%00x', 'my_sid\u0000',
    // case
    'MY_SID', 'My_Sid', 'phpsessid', 'PhpSessId', 'Remember_Web',
    // what parsers trim
    ' my_sid', 'my_sid ', '\tmy_sid', '"my_sid"', '"my_sid', "'my_sid'", '\u000bmy_sid', '\u001cmy_sid',
    '\u00a0my_sid', '\u0085my_sid', utf8('\u00a0my_sid'), utf8('\u0085my_sid'), utf8('\u3000my_sid'), utf8('my_sid\u2003'), utf8('\ufeffmy_sid'),
  ])('%j is known as one', (name) => {
    expect(names.mayPassFor(name)).toBe(true)
  })

  it.each(['', 'mysid', 'my-sid', 'my_si', 'my_sid2', 'xmy_sid', 'my', 'x[my_sid]', 'remember', 'PHPSESSIDX', 'PHPSESSI', '_my_sid', 'csrftoken', '%', '%zz', '%6'])('%j is not', (name) => {
    expect(names.mayPassFor(name)).toBe(false)
  })

  it('is known in time proportional to its length, however hostile', () => {
    const hostile = new CookieNames(['*a*a*a*a*b', 'sid'])
    const started = performance.now()
    for (const unit of ['a', '%', '%4', '%41', '[', ']', '.', '"', ' ', '\u00a0', '_']) {
      expect([unit, hostile.mayPassFor(unit.repeat(32_768 / unit.length))]).toEqual([unit, false])
    }
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})

describe("sorting a client's cookies", () => {
  const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, new CookieNames(['sid', 'unstick*']))

  it('believes the token cookie only under the name of its kind of connection', () => {
    expect(sorter.kind('__Host-unstick', true)).toBe('token')
    expect(sorter.kind('unstick', false)).toBe('token')
    expect(sorter.kind('unstick', true)).toBe('stripped')
    expect(sorter.kind('__Host-unstick', false)).toBe('stripped')
  })

  it.each(['UNSTICK', 'unstick ', ' unstick', 'unstick[]', 'un%73tick', '__host-unstick', '__Host-unstick[0]', '"__Host-unstick"'])('strips %j, which is not the token cookie but looks like it', (name) => {
    expect(sorter.kind(name, true)).toBe('stripped')
    expect(sorter.kind(name, false)).toBe('stripped')
  })

  it('tells vaulted names, in any spelling, from the plain ones', () => {
    for (const https of [true, false]) {
      expect(sorter.kind('sid', https)).toBe('vaulted')
      expect(sorter.kind('SID', https)).toBe('vaulted')
      expect(sorter.kind('csrf', https)).toBe('plain')
    }
  })

  it('answers the same the second time, and after a flood of other names', () => {
    for (let i = 0; i < 5_000; i += 1) expect(sorter.kind(`name${i}`, true)).toBe('plain')
    expect(sorter.kind('sid', true)).toBe('vaulted')
    expect(sorter.kind('__Host-unstick', true)).toBe('token')
  })

  it('knows one name for both kinds of connection, where the prefix cannot be', () => {
    const same = cookieSorter({ https: 'unstick', http: 'unstick' }, new CookieNames([]))
    expect(same.kind('unstick', true)).toBe('token')
    expect(same.kind('unstick', false)).toBe('token')
    expect(same.kind('__Host-unstick', true)).toBe('plain')
  })
})
