/** Where to listen, where the app is, and whose word is believed. */
import { isIP } from 'node:net'
import type { Address } from './config.ts'
import { right, wrong, type Parsed } from './parsed.ts'

const LISTEN = 'host:port :port [ipv6]:port unix:/path'
const UPSTREAM = 'http://host:port https://host:port unix:/path'

/** `host`, `a.b`, `10.0.0.1`; IPv6 comes without its brackets. */
const HOST = /^(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/

/** `host:port`, `[ipv6]:port`; a missing port is `fallbackPort`, and a flaw where there is none. */
export function parseHostPort(text: string, fallbackPort?: number): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  if (match === null) return undefined
  const host = match[1] ?? match[2] ?? ''
  const port = match[3] === undefined ? fallbackPort : Number(match[3])
  if (port === undefined || port > 65_535) return undefined
  const fits = match[1] === undefined ? HOST.test(host) && !badIPv4(host) : isIP(host) === 6
  return fits ? { host, port } : undefined
}

/** Whether it looks like an IPv4 address and is none, such as 10.0.0.256. */
function badIPv4(host: string): boolean {
  return /^[\d.]+$/.test(host) && isIP(host) !== 4
}

function parseUnix(text: string, allowed: string): Parsed<Address> {
  const path = text.slice('unix:'.length)
  if (!path.startsWith('/')) return wrong('has no absolute path after unix:', { allowed })
  // The kernel's limit for the path of a socket: sockaddr_un holds 108 bytes with the final NUL.
  if (Buffer.byteLength(path) > 107) return wrong('is longer than the 107 bytes that a socket path may have')
  return right({ unix: path })
}

/** `:8080` is every IPv4 address of the host. Port 0 asks the system for a free one. */
export function parseListen(text: string): Parsed<Address> {
  if (text.startsWith('unix:')) return parseUnix(text, LISTEN)
  const scheme = /^https?:\/\/([^/]+)\/?$/.exec(text)
  const bare = text.startsWith(':') ? `0.0.0.0${text}` : text
  const address = parseHostPort(bare)
  if (address !== undefined) return right(address)
  if (scheme?.[1] !== undefined) return wrong('is a URL, not an address to listen on', { allowed: LISTEN, instead: scheme[1] })
  if (/^\d{1,5}$/.test(text)) return wrong('is not an address to listen on', { allowed: LISTEN, instead: `:${text}` })
  return wrong('is not an address to listen on', { allowed: LISTEN })
}

export function parseUpstream(text: string): Parsed<Address & { readonly tls?: boolean }> {
  if (text.startsWith('unix:')) return parseUnix(text, UPSTREAM)
  const match = /^(https?):\/\/([^/?#]*)(.*)$/i.exec(text)
  if (match === null) {
    const instead = parseHostPort(text) === undefined ? {} : { instead: `http://${text}` }
    return wrong('is not the address of an app', { allowed: UPSTREAM, ...instead })
  }
  const tls = match[1]?.toLowerCase() === 'https'
  const authority = match[2] ?? ''
  const rest = match[3] ?? ''
  if (authority.includes('@')) return wrong('has a user name in it: the app gets the credentials that the client sends', { allowed: UPSTREAM })
  const address = parseHostPort(authority, tls ? 443 : 80)
  if (address === undefined || address.port === 0) return wrong('is not the address of an app', { allowed: UPSTREAM })
  if (rest !== '' && rest !== '/') {
    return wrong('has a path: requests go to the app under the path that the client asked for', { allowed: UPSTREAM, instead: `${tls ? 'https' : 'http'}://${authority}` })
  }
  return right(tls ? { ...address, tls } : address)
}

export function parseCidr(text: string): Parsed<string> {
  const [ip = '', bits, ...more] = text.split('/')
  const family = isIP(ip)
  const allowed = 'such as 10.0.0.0/8 fd00::/8'
  if (family === 0 || more.length > 0 || ip.includes('%')) return wrong('is not a range of addresses', { allowed })
  if (bits === undefined) return wrong('has no prefix length', { allowed, instead: `${ip}/${family === 4 ? 32 : 128}` })
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128)) return wrong('has a prefix length that its kind of address does not have', { allowed })
  return right(text)
}

const ANY = new Set(['0.0.0.0', '::'])
const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || host.startsWith('127.')

/** Whether a connection to `to` would arrive at a server that listens on `at`, as far as the two texts tell. */
export function reaches(to: Address, at: Address): boolean {
  if ('unix' in to || 'unix' in at) return 'unix' in to && 'unix' in at && to.unix === at.unix
  if (to.port !== at.port || to.port === 0) return false
  if (to.host === at.host) return true
  if (ANY.has(at.host) || ANY.has(to.host)) return isLoopback(to.host) || isLoopback(at.host) || (ANY.has(at.host) && ANY.has(to.host))
  return to.host === 'localhost' ? isLoopback(at.host) : at.host === 'localhost' && isLoopback(to.host)
}
