import { describe, expect, it } from 'vitest'
import { defaultPath, domainMatches, formatCookieHeader, parseCookieHeader, pathMatches } from '../../../src/http/cookies.ts'

describe('reading a Cookie header', () => {
  it.each([
    ['a=1', [['a', '1']]],
    ['a=1; b=2', [['a', '1'], ['b', '2']]],
    ['a=1;b=2 ;  c=3', [['a', '1'], ['b', '2'], ['c', '3']]],
    ['a=1;;; b=2;', [['a', '1'], ['b', '2']]],
    ['a=b=c==', [['a', 'b=c==']]],
    ['a="x y"', [['a', '"x y"']]],
    ['a=', [['a', '']]],
    ['a = 1', [['a', '1']]],
    ['\ta=1\t', [['a', '1']]],
    ['lone; a=1', [['', 'lone'], ['a', '1']]],
    ['lone; also', [['', 'lone'], ['', 'also']]],
    ['=1', [['', '1']]],
    ['a=%41%3B', [['a', '%41%3B']]],
    ['a=1; a=2', [['a', '1'], ['a', '2']]],
    ['', []],
    [' ; ;', []],
  ])('splits %j', (header, pairs) => {
    expect(parseCookieHeader(header).map(({ name, value }) => [name, value])).toEqual(pairs)
  })

  it('keeps bytes beyond ASCII, also those that count as space in Unicode but not in HTTP', () => {
    // "voilà" as UTF-8 ends with the byte A0, which as a character is the no-break space.
    const value = Buffer.from('voilà').toString('latin1')
    expect(parseCookieHeader(`a=${value}; b=\u00a0\u0085`)).toEqual([{ name: 'a', value }, { name: 'b', value: '\u00a0\u0085' }])
  })
})

describe('writing a Cookie header', () => {
  it('joins pairs in order', () => {
    expect(formatCookieHeader([{ name: 'b', value: '2' }, { name: 'a', value: '' }, { name: 'a', value: 'x=y' }])).toBe('b=2; a=; a=x=y')
  })

  it('writes a nameless cookie as its value alone', () => {
    expect(formatCookieHeader([{ name: '', value: 'lone' }])).toBe('lone')
  })

  it('never lets the value of a nameless cookie become the name of another', () => {
    const [pair] = parseCookieHeader('=session=forged')
    expect(pair).toEqual({ name: '', value: 'session=forged' })
    expect(formatCookieHeader(pair === undefined ? [] : [pair])).toBe('=session=forged')
  })
})

describe('the domain of a cookie', () => {
  it.each([
    ['a.example', 'a.example', true],
    ['www.a.example', 'a.example', true],
    ['x.www.a.example', 'a.example', true],
    ['a.example', 'www.a.example', false],
    ['ba.example', 'a.example', false],
    ['a.example', 'example', true],
    ['127.0.0.1', '127.0.0.1', true],
    ['127.0.0.1', '0.0.1', false],
    ['[::1]', '1]', false],
    ['1.2.3.4', '4', false],
    ['10.example', 'example', true],
  ])('%s gets a cookie of %s: %s', (host, domain, matches) => {
    expect(domainMatches(host, domain)).toBe(matches)
  })
})

describe('the path of a cookie', () => {
  it.each([
    ['/', '/', true],
    ['/a', '/', true],
    ['/a', '/a', true],
    ['/a/', '/a', true],
    ['/a/b', '/a', true],
    ['/a/b', '/a/', true],
    ['/ab', '/a', false],
    ['/a', '/a/', false],
    ['/A', '/a', false],
    ['/%61', '/a', false],
    ['/', '/a', false],
  ])('%s gets a cookie of %s: %s', (path, cookiePath, matches) => {
    expect(pathMatches(path, cookiePath)).toBe(matches)
  })

  it.each([
    ['/', '/'], ['/a', '/'], ['/a/', '/a'], ['/a/b', '/a'], ['/a/b/', '/a/b'], ['/a/b/c.html', '/a/b'], ['//', '/'], ['', '/'], ['a/b', '/'],
  ])('of a request for %j is by default %s', (path, expected) => {
    expect(defaultPath(path)).toBe(expected)
  })
})
