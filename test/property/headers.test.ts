import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnstickError } from '../../src/errors.ts'
import { CookieNames, cookieSorter } from '../../src/http/cookie-names.ts'
import type { Peer } from '../../src/http/forwarded.ts'
import { headerKind } from '../../src/http/header-names.ts'
import { sortRequest, type SortedRequest, upstreamHeaders } from '../../src/http/request-head.ts'
import { sortResponse } from '../../src/http/response-head.ts'
import { incomingRequest } from '../support/incoming-request.ts'
import { parserCases } from '../support/cases.ts'

const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, new CookieNames(['my_sid', 'remember_*']))

// What a header name may be made of (RFC 9110 5.6.2), and names that unstick has an opinion on, in odd spellings.
const tokenCharacter = fc.constantFrom(...Array.from("abcXYZ019!#$%&'*+-.^_`|~"))
const known = fc.constantFrom(
  'host', 'cookie', 'set-cookie', 'connection', 'keep-alive', 'te', 'upgrade', 'expect', 'content-length', 'transfer-encoding', 'proxy-authorization',
  'x-session-user', 'x-session', 'unstick-error', 'unstick', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded', 'accept', 'x-a', 'x-b',
)
const respelt = fc.tuple(known, fc.array(fc.nat({ max: 3 }), { minLength: 20, maxLength: 20 })).map(([name, choices]) =>
  Array.from(name, (character, i) => (choices[i] === 1 ? character.toUpperCase() : choices[i] === 2 && character === '-' ? '_' : character)).join(''))
const name = fc.oneof({ weight: 1, arbitrary: fc.string({ unit: tokenCharacter, minLength: 1, maxLength: 12 }) }, { weight: 4, arbitrary: respelt })
const latin = fc.string({ unit: fc.nat({ max: 255 }).filter((code) => code > 31 && code !== 127).map((code) => String.fromCharCode(code)), maxLength: 20 })
const cookie: fc.Arbitrary<string> = fc.constantFrom('unstick=T', 'UNSTICK=x', '__Host-unstick=T', 'my_sid=f', 'MY.SID=f', 'my[sid=f', '=my_sid=f', 'remember_a=f', 'remember.a=f', 'a=b my_sid=f', 'a=1', 'b="x', 'lone', '', ' ')
const value = fc.oneof(
  latin,
  fc.array(cookie, { maxLength: 5 }).map((cookies) => cookies.join('; ')),
  fc.array(known, { maxLength: 3 }).map((names) => names.join(', ')),
  fc.constantFrom('chunked', 'close', '5', '0', 'https', 'app.example', '[::1', 'for=1.2.3.4;proto=https'),
)
const raw = fc.array(fc.tuple(name, value), { maxLength: 12 }).map((pairs) => pairs.flat())
const peer: fc.Arbitrary<Peer> = fc.record({ address: fc.constantFrom('203.0.113.9', '::1', undefined), trusted: fc.boolean(), encrypted: fc.boolean() })
const line = fc.record({ url: fc.oneof(fc.constantFrom('/', '/a?b'), latin), method: fc.constantFrom('GET', 'POST'), minor: fc.constantFrom<0 | 1>(0, 1) })

/** undefined: refused, as may be, but only in our own words. */
function sortedOrRefused(headers: readonly string[], from: Peer, asked: { url?: string; method?: string; minor?: 0 | 1 }): SortedRequest | undefined {
  try {
    return sortRequest(incomingRequest(headers, asked), from, sorter, headerKind)
  } catch (error) {
    expect(error).toBeInstanceOf(UnstickError)
    expect(error).toMatchObject({ code: 'bad_request' })
    return undefined
  }
}

const pairs = (flat: readonly string[]): [string, string][] => flat.flatMap((field, i) => (i % 2 === 0 ? [[field, flat[i + 1] ?? '']] : []))
/** What the loosest app would read, told apart from the code under test: letters and digits, the rest as one kind of gap. */
const loose = (field: string): string => field.toLowerCase().split(/[^a-z0-9]+/).filter((word) => word !== '').join('-')
const isReserved = (field: string): boolean => /^(x-session|unstick)(-|$)/.test(loose(field))
const OURS = new Set(['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded', 'host', 'cookie'])
const HOP = new Set(['connection', 'keep-alive', 'te', 'upgrade', 'expect', 'transfer-encoding', 'proxy-authorization', 'set-cookie'])

describe('any head of a request', () => {
  it('is sorted, or refused as a bad request', () => {
    fc.assert(fc.property(raw, peer, line, (headers, from, asked) => { sortedOrRefused(headers, from, asked) }), parserCases(2_000))
  })

  it('leaves nothing reserved, hop-by-hop or said twice, however it is spelt and whatever Connection lists', () => {
    fc.assert(fc.property(raw, peer, (headers, from) => {
      const request = sortedOrRefused(['Host', 'app.example', ...headers.filter((_, i) => headers[i - (i % 2)]?.toLowerCase() !== 'host')], from, {})
      if (request === undefined) return
      const names = pairs(upstreamHeaders(request)).map(([field]) => field.toLowerCase())
      expect(names.filter(isReserved)).toEqual([])
      expect(names.filter((field) => HOP.has(field))).toEqual([])
      for (const ours of OURS) expect([ours, names.filter((field) => field === ours).length]).toEqual([ours, ours === 'cookie' ? Math.min(1, request.head.cookies.length) : 1])
      // An app that folds names must not find a stranger's word in the place of ours.
      expect(names.filter((field) => OURS.has(loose(field)) && !OURS.has(field) && loose(field).includes('forwarded') && field.includes('_'))).toEqual([])
      if (!from.trusted) expect(names.filter((field) => loose(field).startsWith('x-forwarded-'))).toHaveLength(3)
    }), parserCases(2_000))
  })

  it('keeps all else in order and case, with its values', () => {
    fc.assert(fc.property(raw, peer, (headers, from) => {
      const request = sortedOrRefused(['Host', 'app.example', ...headers], from, {})
      if (request === undefined) return
      const listed = new Set(pairs(headers).filter(([field]) => field.toLowerCase() === 'connection').flatMap(([, options]) => options.split(',').map((option) => option.trim().toLowerCase())))
      const stays = ([field]: [string, string]): boolean => {
        const lower = field.toLowerCase()
        return !HOP.has(lower) && !OURS.has(lower) && !isReserved(field) && !/^x-forwarded(-|$)|^forwarded$/.test(loose(field)) && !(listed.has(lower) && lower !== 'content-length')
      }
      expect(pairs(upstreamHeaders(request)).filter(stays)).toEqual(pairs(headers).filter(stays))
    }), parserCases(2_000))
  })

  it('never gives the app the token or a vaulted cookie of the client', () => {
    fc.assert(fc.property(fc.array(cookie, { maxLength: 8 }), fc.constantFrom('; ', ';', ' ;'), peer, fc.boolean(), (cookies, separator, from, added) => {
      const request = sortedOrRefused(['Host', 'a', 'Cookie', cookies.join(separator)], from, {})
      if (request === undefined) throw new Error('a Cookie header is never refused')
      if (added) request.head.cookies = [...request.head.cookies, { name: 'z', value: '9' }]
      const header = pairs(upstreamHeaders(request)).find(([field]) => field === 'Cookie')?.[1] ?? ''
      expect(header).not.toMatch(/unstick|sid|remember/i)
      for (const plain of ['a=1', 'b="x', 'lone']) expect(header.split(';').map((part) => part.trim()).includes(plain)).toBe(cookies.includes(plain))
    }), parserCases(1_000))
  })
})

describe('any head of a response', () => {
  it('passes without what is reserved or hop-by-hop, and with all else in order and case', () => {
    fc.assert(fc.property(raw, (headers) => {
      const sorted = sortResponse(headers.map((text) => Buffer.from(text, 'latin1')), headerKind)
      expect(sortResponse(headers, headerKind)).toEqual(sorted)
      const listed = new Set(pairs(headers).filter(([field]) => field.toLowerCase() === 'connection').flatMap(([, options]) => options.split(',').map((option) => option.trim().toLowerCase())))
      const gone = new Set(['connection', 'keep-alive', 'te', 'upgrade', 'transfer-encoding', 'proxy-authorization'])
      const kept = ['content-length', 'set-cookie']
      expect(pairs(sorted.headers)).toEqual(pairs(headers).filter(([field]) => {
        const lower = field.toLowerCase()
        return !gone.has(lower) && !isReserved(field) && (kept.includes(lower) || !listed.has(lower))
      }))
    }), parserCases(2_000))
  })
})
