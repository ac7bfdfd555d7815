/**
 * Inputs made to be slow: what a parser takes grows as its input does, and not with its square. Eight times the input may take a good deal more than
 * eight times as long on a busy machine, but the square would be sixty-four times. Processor time of this thread, not the clock on the wall.
 */
import { describe, expect, it } from 'vitest'
import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { cookieNews } from '../../src/carrier/files/response-cookies.ts'
import { compileRule } from '../../src/carrier/files/rule.ts'
import { decodeAttributes } from '../../src/carrier/headers/formats.ts'
import { compileRoutes, routeDefaults } from '../../src/config/routes.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { UnstickError } from '../../src/errors.ts'
import { CookieNames, cookieSorter } from '../../src/http/cookie-names.ts'
import { formatCookieHeader, parseCookieDate, parseCookieHeader, parseSetCookie } from '../../src/http/cookies.ts'
import type { Peer } from '../../src/http/forwarded.ts'
import { urlencodedFields } from '../../src/http/forms.ts'
import { headerKind } from '../../src/http/header-names.ts'
import { parseUnambiguousJson } from '../../src/http/json.ts'
import { sortRequest, upstreamHeaders } from '../../src/http/request-head.ts'
import { dropCookies, sortResponse } from '../../src/http/response-head.ts'
import { Tokens } from '../../src/session/token.ts'
import { incomingRequest } from '../support/incoming-request.ts'
import { keptLog } from '../support/kept-log.ts'

const NAMES = new CookieNames(['sid', 'a*b*c', '*_session', '?'.repeat(40)])
const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, NAMES)
const PROXY: Peer = { address: '127.0.0.1', trusted: true, encrypted: false }
const tokens = new Tokens(new Keyring(['a secret of more than thirty-two characters']))
const routes = compileRoutes([{ match: '/a/**/b/*c*d/**/e', session: 'off' }, { match: '/**/x', session: 'off' }], routeDefaults({ carriers: { cookies: { names: [], adopt: false, release: false }, files: [], headers: undefined } }))
const fileRule = compileRule({ cookie: 'sid', id: /^s%3A([\w-]+)\./, render: (id) => `/sessions/${id}` })

function head(...headers: string[]): void {
  try {
    upstreamHeaders(sortRequest(incomingRequest(['Host', 'app.example', ...headers]), PROXY, sorter, headerKind))
  } catch (error) {
    if (!(error instanceof UnstickError)) throw error
  }
}
const repeated = (count: number, of: (i: number) => string[]): string[] => Array.from({ length: count }, (_, i) => of(i)).flat()

function captured(headers: string[], secure = false): void {
  const carrier = cookiesCarrier({ names: NAMES, adopt: true, touchIntervalMs: 1, log: keptLog() })
  const exchange = carrier.begin({ id: undefined, entries: new Map(), now: () => 1 }, { method: 'GET', target: '/', path: '/', host: 'app.example', secure, headers: [], cookies: [], dropped: [{ name: 'sid', value: '1' }] })
  if (!(exchange instanceof Promise)) exchange.capture({ status: 200, headers })
}

/** By name: what to do with an input that is `size` long, give or take a factor. */
const hostile: Record<string, (size: number) => () => void> = {
  'very many cookies': (n) => { const text = 'a=1;'.repeat(n / 4); return () => head('Cookie', text) },
  'very many cookies of different names': (n) => { const text = repeated(n / 8, (i) => [`n${i}=1`]).join(';'); return () => head('Cookie', text) },
  'very many token cookies': (n) => { const text = 'unstick=1;'.repeat(n / 10); return () => head('Cookie', text) },
  'a cookie full of equal signs': (n) => { const text = `a=${'=,'.repeat(n / 2)}`; return () => head('Cookie', text) },
  'a cookie full of words that might be names': (n) => { const text = `a=${'b c='.repeat(n / 4)}`; return () => head('Cookie', text) },
  'a cookie of spaces': (n) => { const text = ' '.repeat(n); return () => head('Cookie', `a${text}=${text}b`) },
  'a cookie with a long name': (n) => { const text = `${'a'.repeat(n)}=1`; return () => head('Cookie', text) },
  'a cookie name of escapes': (n) => { const text = `${'%41'.repeat(n / 3)}=1`; return () => head('Cookie', text) },
  'a cookie name of brackets': (n) => { const text = `${'['.repeat(n)}=1`; return () => head('Cookie', text) },
  'a cookie name that almost matches a glob': (n) => { const text = `${'ab'.repeat(n / 2)}=1`; return () => head('Cookie', text) },
  'very many Cookie headers': (n) => { const raw = repeated(n / 12, () => ['Cookie', 'a=1']); return () => head(...raw) },
  'very many headers of different names': (n) => { const raw = repeated(n / 12, (i) => [`X-${i}`, '1']); return () => head(...raw) },
  'a header with a long name': (n) => { const text = '-a'.repeat(n / 2); return () => { headerKind(text); headerKind('-'.repeat(n)) } },
  'a long list in Connection, and very many headers': (n) => { const raw = ['Connection', repeated(n / 8, (i) => [`x-${i}`]).join(','), ...repeated(n / 12, (i) => [`X-${i}`, '1'])]; return () => head(...raw) },
  'very many Connection headers': (n) => { const raw = repeated(n / 12, (i) => ['Connection', `x-${i}`]); return () => head(...raw) },
  'very many forwarding headers': (n) => { const raw = repeated(n / 18, () => ['X-Forwarded-For', '1.2.3.4']); return () => head(...raw) },
  'a Forwarded that almost says something': (n) => { const text = `;proto=";proto `.repeat(n / 15); return () => head('Forwarded', text) },
  'a Forwarded of spaces': (n) => { const text = ' '.repeat(n); return () => head('Forwarded', `a${text}`) },
  'a long Host': (n) => { const text = 'a.'.repeat(n / 2); return () => head('X-Forwarded-Host', `${text}@`, 'X-Forwarded-Proto', text) },
  'a long target': (n) => { const url = `http://${'a'.repeat(n)}/`; return () => { try { sortRequest(incomingRequest(['Host', 'a'], { url }), PROXY, sorter, headerKind) } catch (error) { if (!(error instanceof UnstickError)) throw error } } },
  'a path of dots': (n) => { const path = '/a/..'.repeat(n / 5); return () => routes.match('GET', path) },
  'a path of escaped dots': (n) => { const path = '/%2e%2e'.repeat(n / 7); return () => routes.match('GET', path) },
  'a path of slashes': (n) => { const path = '/'.repeat(n); return () => routes.match('GET', path) },
  'a path that almost matches': (n) => { const path = `/a${'/b/cd'.repeat(n / 5)}`; return () => routes.match('GET', path) },
  'a segment that almost matches': (n) => { const path = `/a/b/${'cd'.repeat(n / 2)}`; return () => routes.match('GET', path) },
  'a path that cannot be decoded': (n) => { const path = '/%ff%'.repeat(n / 5); return () => routes.match('GET', path) },
  'tokens that are none': (n) => { const value = 'A'.repeat(n / 8); return () => tokens.verifyAll(Array.from({ length: 8 }, () => value)) },
  'a Set-Cookie of semicolons': (n) => { const text = `a=b${';'.repeat(n)}`; return () => parseSetCookie(text) },
  'a Set-Cookie of dates': (n) => { const text = `a=b${'; Expires=1 Jan 1 1:1:1'.repeat(n / 23)}`; return () => parseSetCookie(text) },
  'a date that goes on': (n) => { const text = '1:1:1x 1 jan '.repeat(n / 13); return () => parseCookieDate(text) },
  'a date of digits': (n) => { const text = '1'.repeat(n); return () => parseCookieDate(text) },
  'a form of nothing': (n) => { const text = '&;'.repeat(n / 2); return () => urlencodedFields(text).valueOf('user') },
  'a form of very many fields': (n) => { const text = 'us%65r=1&'.repeat(n / 9); return () => urlencodedFields(text).valueOf('user') },
  'a form of long names': (n) => { const text = `${'%5b'.repeat(n / 3)}&user=1`; return () => urlencodedFields(text).valueOf('user') },
  'JSON of escapes': (n) => { const bytes = Buffer.from(`{"a":"${'\\n'.repeat(n / 2)}"}`); return () => parseUnambiguousJson(bytes) },
  'JSON of quotes': (n) => { const bytes = Buffer.from(`{"a":"${'\\"'.repeat(n / 2)}"}`); return () => parseUnambiguousJson(bytes) },
  'JSON of very many keys': (n) => { const bytes = Buffer.from(`{${repeated(n / 12, (i) => [`"k${i}":1.0`]).join(',')}}`); return () => parseUnambiguousJson(bytes) },
  'JSON that is nested': (n) => { const bytes = Buffer.from(`${'['.repeat(n / 2)}${']'.repeat(n / 2)}`); return () => parseUnambiguousJson(bytes) },
  'attributes in a header': (n) => { const text = 'a=%41&'.repeat(n / 6); return () => decodeAttributes('form', text) },
  'cookies that are written again': (n) => { const text = 'a=1;'.repeat(n / 4); return () => formatCookieHeader(parseCookieHeader(text)) },
  'an answer with very many Connection headers': (n) => { const raw = repeated(n / 12, (i) => ['Connection', `x-${i}`]); return () => sortResponse(raw, headerKind) },
  'an answer with a long list in Connection, and very many headers': (n) => { const raw = ['Connection', repeated(n / 8, (i) => [`x-${i}`]).join(','), ...repeated(n / 12, (i) => [`Y-${i}`, '1'])]; return () => sortResponse(raw, headerKind) },
  'an answer with very many Set-Cookies, some to be dropped': (n) => { const headers = repeated(n / 16, (i) => ['Set-Cookie', `c${i % 9}=1`]); return () => dropCookies({ headers }, (name) => name === 'c3') },
  'an answer with very many vaulted cookies': (n) => { const headers = repeated(n / 24, (i) => ['Set-Cookie', `sid=1; Path=/${i}`]); return () => captured(headers) },
  'an answer with very many vaulted cookies that end': (n) => { const headers = repeated(n / 24, (i) => ['Set-Cookie', `sid=; Max-Age=0; Path=/${i}`]); return () => captured(headers, true) },
  'an answer with very many session ids': (n) => { const headers = repeated(n / 24, (i) => ['Set-Cookie', `sid=s%3A${i}.x; Path=/${i}`]); return () => cookieNews({ status: 200, headers }, new Map([['sid', fileRule]]), 1) },
}

/** The default of limits.header. */
const SIZE = 32 * 1024

/** Kernels count a thread's processor time in ticks of up to 10 ms, so many runs are measured at once. */
const ENOUGH_US = 30_000

/** Microseconds of processor time for one run. */
function cost(work: () => void): number {
  for (let runs = 1; ; runs *= 2) {
    const before = process.threadCpuUsage()
    for (let i = 0; i < runs; i += 1) work()
    const { user, system } = process.threadCpuUsage(before)
    if (user + system >= ENOUGH_US) return (user + system) / runs
  }
}

describe('takes time in proportion to its length', () => {
  it.each(Object.keys(hostile))('%s', (what) => {
    const make = hostile[what] ?? (() => () => undefined)
    const small = cost(make(SIZE))
    if (process.env['FUZZ_CASES'] !== undefined) process.stdout.write(`${what}: ${small.toFixed(0)} µs for ${SIZE / 1024} KB\n`)
    expect(cost(make(8 * SIZE)) / small).toBeLessThan(32)
  })
})
