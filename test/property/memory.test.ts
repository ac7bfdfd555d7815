/** What parsers remember of what they were sent is bounded in number, and in the size of each: no short name keeps the long head that it was cut from. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { CookieNames, cookieSorter } from '../../src/http/cookie-names.ts'
import { headerKind } from '../../src/http/header-names.ts'
import { sortRequest, upstreamHeaders } from '../../src/http/request-head.ts'
import { sortResponse } from '../../src/http/response-head.ts'
import { Tokens } from '../../src/session/token.ts'
import { incomingRequest } from '../support/incoming-request.ts'
import { keptLog } from '../support/kept-log.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What the caches of one process may come to when they are full: 2,000 names here, 2,000 there. */
const FULL_BYTES = 3 * 1024 ** 2
/** Heads of 24 KB, all different: 70 MB a thousand, if each were kept. */
const HEADS = 3_000

it('does not grow with heads that are all different, each with names that were never seen', () => {
  const names = new CookieNames(['sid', 'remember_*'])
  const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, names)
  const tokens = new Tokens(new Keyring(['a secret of more than thirty-two characters']))
  const carrier = cookiesCarrier({ names, adopt: true, touchIntervalMs: 1, log: keptLog() })
  const handle = (i: number): void => {
    const filler = `${i}`.padEnd(8_000, 'x')
    // Pieces of 13 characters or more share the memory of what they are cut from.
    // Read off the wire as Node's parser does it: each value a text of its own, whose pieces are cut from it.
    const cookies = Buffer.from(`a-name-that-is-long-enough-${i}=1; sid=${filler}; Remember-that-visitor-too-${i}=1; unstick=${'A'.repeat(49)}.1.${'A'.repeat(22)}`).toString('latin1')
    const request = sortRequest(incomingRequest(['Host', `h${i}.example`, `X-${i}`, filler, 'Connection', Buffer.from(`x-${i}, ${filler}`).toString('latin1'), 'Cookie', cookies]), { address: `10.0.${i >> 8}.${i % 256}`, trusted: true, encrypted: false }, sorter, headerKind)
    expect(tokens.verifyAll(request.tokens)).toEqual([])
    const exchange = carrier.begin({ id: undefined, entries: new Map(), now: () => 1 }, request.head)
    upstreamHeaders(request)
    if (exchange instanceof Promise) throw new Error('the cookies carrier never waits')
    const { headers } = sortResponse([`Y-${i}`, filler, 'Set-Cookie', `remember_${i}=${filler}; Domain=no${i}.example`, 'Connection', `y-${i}`].map((text) => Buffer.from(text)), headerKind)
    exchange.capture({ status: 200, headers })
  }
  const inUse = (): number => {
    collect()
    return process.memoryUsage().heapUsed
  }
  handle(0)
  const before = inUse()
  for (let i = 1; i <= HEADS; i += 1) handle(i)
  const full = inUse()
  expect(full - before, 'what the caches hold').toBeLessThan(FULL_BYTES)
  for (let i = HEADS + 1; i <= 2 * HEADS; i += 1) handle(i)
  expect(inUse() - full, 'what as much again has added').toBeLessThan(FULL_BYTES / 2)
})
