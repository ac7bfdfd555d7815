import { describe, expect, it } from 'vitest'
import { type ForwardedIn, originOf, type Peer, pushForwarded, TrustedProxies } from '../../../src/http/forwarded.ts'

const NOTHING: ForwardedIn = { for: undefined, proto: undefined, host: undefined, forwarded: undefined }
const stranger: Peer = { address: '203.0.113.9', trusted: false, encrypted: false }
const balancer: Peer = { address: '10.0.0.2', trusted: true, encrypted: false }

const told = (peer: Peer, said: Partial<ForwardedIn>, host = 'app.example'): string[] => {
  const headers: string[] = []
  const all = { ...NOTHING, ...said }
  pushForwarded(headers, peer, all, originOf(peer, all, host))
  return headers
}

describe('trust', () => {
  const trusted = new TrustedProxies(['127.0.0.0/8', '10.1.2.3', 'fd00::/8', '::1'])

  it.each(['127.0.0.1', '127.255.0.1', '10.1.2.3', '::ffff:127.0.0.1', '::ffff:10.1.2.3', 'fd12::1', '::1'])('is given to %s', (address) => {
    expect(trusted.trusts(address)).toBe(true)
  })

  it.each(['128.0.0.1', '10.1.2.4', '::ffff:10.1.2.4', '::2', 'fe80::1%eth0', '', 'unknown'])('is not given to %j', (address) => {
    expect(trusted.trusts(address)).toBe(false)
  })

  it('is given to nobody when there are no ranges', () => {
    expect(new TrustedProxies([]).trusts('127.0.0.1')).toBe(false)
  })
})

describe('how the client reached us', () => {
  it.each<[string, Peer, Partial<ForwardedIn>, { proto: string; host: string }]>([
    ['a stranger is not believed', stranger, { proto: 'https', host: 'evil.example', forwarded: 'proto=https;host=evil.example' }, { proto: 'http', host: 'app.example' }],
    ['a connection with TLS is https', { ...stranger, encrypted: true }, {}, { proto: 'https', host: 'app.example' }],
    ['X-Forwarded-Proto counts', balancer, { proto: 'https' }, { proto: 'https', host: 'app.example' }],
    ['in any case', balancer, { proto: 'HTTPS' }, { proto: 'https', host: 'app.example' }],
    ['the first of several: the hop next to the client', balancer, { proto: 'https, http', host: 'a.example , b.example' }, { proto: 'https', host: 'a.example' }],
    ['wss is https', balancer, { proto: 'wss' }, { proto: 'https', host: 'app.example' }],
    ['nonsense is http', balancer, { proto: 'gopher' }, { proto: 'http', host: 'app.example' }],
    ['a trusted http wins over TLS on this connection', { ...balancer, encrypted: true }, { proto: 'http' }, { proto: 'http', host: 'app.example' }],
    ['Forwarded counts', balancer, { forwarded: 'for=1.2.3.4;host=a.example;proto=https' }, { proto: 'https', host: 'a.example' }],
    ['with quotes and spaces', balancer, { forwarded: 'For="[::1]:80"; Proto="https"; Host="a.example:8443", for=2.2.2.2;proto=http' }, { proto: 'https', host: 'a.example:8443' }],
    ['only its first element', balancer, { forwarded: 'for=1.2.3.4, for=2.2.2.2;proto=https' }, { proto: 'http', host: 'app.example' }],
    ['X-Forwarded wins over it', balancer, { proto: 'http', forwarded: 'proto=https' }, { proto: 'http', host: 'app.example' }],
    ['an empty host says nothing', balancer, { host: '' }, { proto: 'http', host: 'app.example' }],
  ])('%s', (_, peer, said, expected) => {
    expect(originOf(peer, { ...NOTHING, ...said }, 'app.example')).toEqual(expected)
  })

  it('is found in time proportional to the length of what was said', () => {
    const started = performance.now()
    for (const unit of [';', ' ', 'proto', 'proto="', 'host=;', ',']) originOf(balancer, { ...NOTHING, forwarded: unit.repeat(65_536 / unit.length) }, '')
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})

describe('what the app is told', () => {
  it('is only what the connection shows, when the peer is not trusted', () => {
    expect(told(stranger, { for: '6.6.6.6', proto: 'https', host: 'evil.example', forwarded: 'for=6.6.6.6' })).toEqual([
      'X-Forwarded-For', '203.0.113.9', 'X-Forwarded-Proto', 'http', 'X-Forwarded-Host', 'app.example',
      'Forwarded', 'for=203.0.113.9;host=app.example;proto=http',
    ])
  })

  it('is added to what a trusted peer said', () => {
    expect(told(balancer, { for: '203.0.113.9, 10.0.0.1', proto: 'https', host: 'shop.example', forwarded: 'for=203.0.113.9' })).toEqual([
      'X-Forwarded-For', '203.0.113.9, 10.0.0.1, 10.0.0.2', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.example',
      'Forwarded', 'for=203.0.113.9, for=10.0.0.2;host=shop.example;proto=https',
    ])
  })

  it.each([
    ['::ffff:10.0.0.2', 'app.example', '10.0.0.2', 'for=10.0.0.2;host=app.example;proto=http'],
    ['2001:db8::1', 'app.example', '2001:db8::1', 'for="[2001:db8::1]";host=app.example;proto=http'],
    [undefined, 'app.example', 'unknown', 'for=unknown;host=app.example;proto=http'],
    ['10.0.0.2', 'app.example:81', '10.0.0.2', 'for=10.0.0.2;host="app.example:81";proto=http'],
    ['10.0.0.2', '[::1]:81', '10.0.0.2', 'for=10.0.0.2;host="[::1]:81";proto=http'],
    ['10.0.0.2', 'a"\\,b;c', '10.0.0.2', 'for=10.0.0.2;host="a,b;c";proto=http'],
  ])('names %s asking for %s in the forms of the RFC', (address, host, plain, element) => {
    const headers = told({ ...stranger, address }, {}, host)
    expect(headers[1]).toBe(plain)
    expect(headers.at(-1)).toBe(element)
  })
})
