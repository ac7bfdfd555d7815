/**
 * Who asked, over what: X-Forwarded-For/-Proto/-Host and Forwarded (RFC 7239). What a trusted proxy says is kept and
 * added to; what anybody else says is replaced by what this connection shows.
 */
import { BlockList, isIPv6 } from 'node:net'
import type { RawHeaders } from './message.ts'

/** Tells whether a peer's forwarding headers are believed. */
export class TrustedProxies {
  readonly #ranges = new BlockList()

  /** `ranges`: CIDR notation or single addresses, checked before by the configuration. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const slash = range.indexOf('/')
      const address = slash === -1 ? range : range.slice(0, slash)
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      if (slash === -1) this.#ranges.addAddress(address, family)
      else this.#ranges.addSubnet(address, Number(range.slice(slash + 1)), family)
    }
  }

  trusts(address: string): boolean {
    return this.#ranges.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

/** What the peer said, when it is trusted. Comma lists are joined in order. */
export interface ForwardedIn {
  for: string | undefined
  proto: string | undefined
  host: string | undefined
  forwarded: string | undefined
}

export interface Peer {
  /** undefined: it came over a unix socket. */
  readonly address: string | undefined
  readonly trusted: boolean
  /** Whether this connection itself is TLS; sidecars usually stand behind what ends it. */
  readonly encrypted: boolean
}

/** How the client reached us, as far as can be believed. */
export interface Origin {
  readonly proto: 'http' | 'https'
  /** Host header form, with port if there was one. */
  readonly host: string
}

const first = (list: string): string => {
  const comma = list.indexOf(',')
  return (comma === -1 ? list : list.slice(0, comma)).trim()
}

export function originOf(peer: Peer, said: ForwardedIn, hostHeader: string): Origin {
  let proto = peer.encrypted ? 'https' : 'http'
  let host = hostHeader
  if (peer.trusted) {
    const told = said.proto !== undefined ? first(said.proto) : elementOf(said.forwarded, 'proto')
    if (told !== undefined) proto = told.toLowerCase()
    const toldHost = said.host !== undefined ? first(said.host) : elementOf(said.forwarded, 'host')
    if (toldHost !== undefined && toldHost !== '') host = toldHost
  }
  return { proto: proto === 'https' || proto === 'wss' ? 'https' : 'http', host }
}

/** A parameter of the first element of a Forwarded header: the hop next to the client. */
function elementOf(forwarded: string | undefined, parameter: 'proto' | 'host'): string | undefined {
  if (forwarded === undefined) return undefined
  const found = new RegExp(`^[^,]*?(?:^|[;\\s])${parameter}=(?:"([^"]*)"|([^;,\\s]*))`, 'i').exec(forwarded)
  return found === null ? undefined : (found[1] ?? found[2])
}

/** Appends the headers that tell the app who asked. */
export function pushForwarded(headers: RawHeaders, peer: Peer, said: ForwardedIn, origin: Origin): void {
  const address = peer.address ?? 'unknown'
  const chain = peer.trusted && said.for !== undefined && said.for !== '' ? `${said.for}, ` : ''
  headers.push('X-Forwarded-For', chain + plainAddress(address), 'X-Forwarded-Proto', origin.proto, 'X-Forwarded-Host', origin.host)
  const element = `for=${node(address)};host=${quoted(origin.host)};proto=${origin.proto}`
  const before = peer.trusted && said.forwarded !== undefined && said.forwarded !== '' ? `${said.forwarded}, ` : ''
  headers.push('Forwarded', before + element)
}

/** `::ffff:10.0.0.1` is how a dual-stack socket names an IPv4 peer; apps expect the plain form. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** RFC 7239 section 6: IPv6 addresses stand in brackets and quotes. */
function node(address: string): string {
  const plain = plainAddress(address)
  return isIPv6(plain) ? `"[${plain}]"` : plain
}

function quoted(host: string): string {
  return /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/.test(host) ? host : `"${host.replace(/["\\]/g, '')}"`
}
