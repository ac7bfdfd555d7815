/** What proxies and clients may say of where a request comes from: believed from some, and never taken apart into more than was said. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type ForwardedIn, originOf, type Peer, pushForwarded } from '../../src/http/forwarded.ts'
import { parserCases } from '../support/cases.ts'

const text = fc.oneof(
  fc.string({ unit: fc.integer({ min: 32, max: 255 }).filter((code) => code !== 127).map((code) => String.fromCharCode(code)), maxLength: 20 }),
  fc.array(fc.constantFrom('for=', '_x', '1.2.3.4', '"[::1]:80"', ';', ',', ' ', 'proto=', 'https', 'HTTPS', 'wss', 'http', 'host=', '"', '\\"', 'evil.example', ':8443', 'proto="https', 'xproto=https', '='), { maxLength: 10 }).map((pieces) => pieces.join('')),
)
const said: fc.Arbitrary<ForwardedIn> = fc.record({ for: fc.option(text, { nil: undefined }), proto: fc.option(text, { nil: undefined }), host: fc.option(text, { nil: undefined }), forwarded: fc.option(text, { nil: undefined }) })
const address = fc.constantFrom('203.0.113.9', '::1', '::ffff:10.0.0.1', 'fe80::1%eth0', undefined)
const host = fc.constantFrom('app.example', 'app.example:8443', '[::1]:80', '')

function told(peer: Peer, words: ForwardedIn, asked: string): string[] {
  const headers: string[] = []
  pushForwarded(headers, peer, words, originOf(peer, words, asked))
  return headers
}

describe('any forwarding headers', () => {
  it('of a stranger change nothing of what the app is told', () => {
    fc.assert(fc.property(said, address, host, fc.boolean(), (words, from, asked, encrypted) => {
      const peer = { address: from, trusted: false, encrypted }
      expect(told(peer, words, asked)).toEqual(told(peer, { for: undefined, proto: undefined, host: undefined, forwarded: undefined }, asked))
    }), parserCases())
  })

  it('of a trusted proxy are passed on whole, with ours behind them, which says one thing only', () => {
    fc.assert(fc.property(said, address, host, (words, from, asked) => {
      const peer = { address: from, trusted: true, encrypted: false }
      const origin = originOf(peer, words, asked)
      expect(['http', 'https']).toContain(origin.proto)
      const headers = told(peer, words, asked)
      expect(headers.filter((_, i) => i % 2 === 0)).toEqual(['X-Forwarded-For', 'X-Forwarded-Proto', 'X-Forwarded-Host', 'Forwarded'])
      const [chain = '', , , forwarded = ''] = headers.filter((_, i) => i % 2 === 1)
      if (words.for !== undefined && words.for !== '') expect(chain.startsWith(`${words.for}, `)).toBe(true)
      const before = words.forwarded === undefined || words.forwarded === '' ? '' : `${words.forwarded}, `
      expect(forwarded.startsWith(before)).toBe(true)
      // A host that was made up cannot end its quotes and begin another element.
      expect(forwarded.slice(before.length)).toMatch(/^for=(?:"[^"\\]*"|[^;,"\s]+);host=(?:"[^"\\]*"|[^;,"\s]*);proto=https?$/)
    }), parserCases())
  })
})
