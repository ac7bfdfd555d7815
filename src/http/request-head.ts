/**
 * From the head that arrived to the head that may go to the app: one pass over the raw headers that takes out what is
 * hop-by-hop, reserved or a vaulted cookie of the client's own, and refuses what servers read in different ways.
 */
import type { IncomingMessage } from 'node:http'
import { UnstickError } from '../errors.ts'
import { type CookiePair, formatCookieHeader, parseCookieHeader } from './cookies.ts'
import { type ForwardedIn, originOf, type Peer, pushForwarded } from './forwarded.ts'
import { headerKind, type HeaderKindOf } from './header-names.ts'
import type { RawHeaders, RequestHead } from './message.ts'

export type CookieKind =
  /** The token cookie, under the name that this kind of connection uses. */
  | 'token'
  /** Ours by name, but not where it may be believed: a plain name over https can be set by any neighbour domain. */
  | 'stripped'
  /** The app's cookie of this name lives in the store, or an app might take this one for it. */
  | 'vaulted'
  | 'plain'

/** Tells the cookies of a request apart. */
export interface CookieSorter {
  kind(name: string, https: boolean): CookieKind
}

/** A request as it arrived, sorted. */
export interface SortedRequest {
  readonly head: RequestHead
  /** Values of all token cookies, in order: whoever can set a cookie on a parent domain can add one. */
  readonly tokens: readonly string[]
  /** Whether the client speaks https as far as can be believed: decides the token cookie's name and Secure. */
  readonly https: boolean
  readonly hasBody: boolean
  /** The Cookie header as it came, for as long as `head.cookies` is still the list that was read from it. */
  readonly asReceived: { readonly text: string; readonly cookies: readonly CookiePair[] } | undefined
  /** A peer that is not trusted told how its client came: a balancer that was forgotten in `trustedProxies`, most likely. */
  readonly ignoredForwarding: boolean
  /** The Upgrade header's value, for the upgrade path. */
  readonly upgrade: string | undefined
}

/** RFC 9110 7.2: a name or an address, and a port; nothing that could be taken for a user or a path. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[\w.~!$&'()*+,;=%-]*)(?::\d*)?$/

const NO_PAIRS: readonly CookiePair[] = []

/** `kindOf`: what the configuration makes of header names. Throws `bad_request` for a head with more than one reading. */
export function sortRequest(request: IncomingMessage, peer: Peer, sorter: CookieSorter, kindOf: HeaderKindOf): SortedRequest {
  const raw = request.rawHeaders
  const headers: RawHeaders = []
  const said: ForwardedIn = { for: undefined, proto: undefined, host: undefined, forwarded: undefined }
  let cookieHeader: string | undefined
  let host: string | undefined
  let hasBody = false
  let chunked = false
  let upgrade: string | undefined
  let ignoredForwarding = false
  const listed = request.headers.connection === undefined ? undefined : connectionListed(raw)

  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] ?? ''
    const value = raw[i + 1] ?? ''
    switch (kindOf(name)) {
      case 'plain':
        if (listed === undefined || !listed.has(name.toLowerCase())) headers.push(name, value)
        break
      case 'cookie':
        cookieHeader = cookieHeader === undefined ? value : `${cookieHeader}; ${value}`
        break
      case 'host':
        // RFC 9112 3.2: two Hosts are two opinions on who is asked.
        if (host !== undefined) throw new UnstickError('bad_request', 'The request has more than one Host header. Send one.')
        host = value
        break
      case 'content-length':
        // Node's parser has refused a second one, and one beside Transfer-Encoding (RFC 9112 6.3).
        if (Number(value) > 0) hasBody = true
        headers.push(name, value)
        break
      case 'transfer-encoding':
        refuseOddCoding(request, value, chunked)
        chunked = true
        break
      case 'forwarded':
        if (peer.trusted) keepForwarded(said, headers, name, value)
        else ignoredForwarding ||= name.toLowerCase() === 'x-forwarded-proto'
        break
      case 'upgrade':
        upgrade = value
        break
      case 'te':
        // Of what this hop takes, trailers are passed on (RFC 9110 10.1.4); codings of the transfer are not.
        if (request.httpVersionMinor > 0 && /(?:^|[,\s])trailers(?:$|[,\s])/i.test(value)) headers.push(name, 'trailers')
        break
      case 'set-cookie':
      case 'hop':
      case 'reserved':
      case 'connection':
      case 'expect':
        break
    }
  }

  const { path, target, authority } = splitTarget(request.url ?? '/', request.method)
  const hostHeader = authority ?? host ?? ''
  if (host === undefined && request.httpVersionMinor > 0) throw new UnstickError('bad_request', 'The request has no Host header, which HTTP/1.1 asks for.')
  if (!HOST.test(hostHeader)) throw new UnstickError('bad_request', 'The request asks for a host that is no host and port.')
  const origin = originOf(peer, said, hostHeader)
  const hostName = nameOf(origin.host)
  const https = origin.proto === 'https'
  // What goes on is HTTP/1.1, which asks for one (RFC 9112 3.2), and many servers refuse an empty one: a balancer's check over HTTP/1.0 has none.
  headers.push('Host', hostHeader === '' ? 'localhost' : hostHeader)
  pushForwarded(headers, peer, said, origin)

  const sorted = cookieHeader === undefined ? undefined : sortCookies(cookieHeader, sorter, https)
  return {
    head: {
      method: request.method ?? 'GET',
      target, path, host: hostName,
      secure: https || isLoopback(hostName),
      headers,
      cookies: sorted?.kept ?? [],
      dropped: sorted?.dropped ?? NO_PAIRS,
    },
    tokens: sorted?.tokens ?? [],
    https, upgrade, ignoredForwarding,
    hasBody: hasBody || chunked,
    asReceived: sorted?.asReceived,
  }
}

/** The headers to send upstream, with the cookies as one Cookie header. */
export function upstreamHeaders(request: SortedRequest): RawHeaders {
  const { headers, cookies } = request.head
  if (cookies.length > 0) {
    const { asReceived } = request
    headers.push('Cookie', asReceived?.cookies === cookies ? asReceived.text : formatCookieHeader(cookies))
  }
  return headers
}

/** A body has one reading only: chunked, said once, by a client that speaks HTTP/1.1 (RFC 9112 6.1). */
function refuseOddCoding(request: IncomingMessage, value: string, again: boolean): void {
  if (again || value.trim().toLowerCase() !== 'chunked' || request.httpVersionMinor === 0) {
    throw new UnstickError('bad_request', 'The request has a Transfer-Encoding other than one "chunked". Send the body plain or chunked.')
  }
}

/** RFC 9110 7.6.1: headers named in Connection go no further. Names that are ours to set, or needed, are not up to the client. */
function connectionListed(raw: readonly string[]): ReadonlySet<string> | undefined {
  let listed: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    if (headerKind(raw[i] ?? '') !== 'connection') continue
    for (const option of (raw[i + 1] ?? '').split(',')) {
      const name = option.trim().toLowerCase()
      if (name !== '' && name !== 'close' && name !== 'keep-alive' && name !== 'upgrade') (listed ??= new Set()).add(name)
    }
  }
  return listed
}

function keepForwarded(said: ForwardedIn, headers: RawHeaders, name: string, value: string): void {
  const join = (before: string | undefined): string => (before === undefined ? value : `${before}, ${value}`)
  switch (name.toLowerCase()) {
    case 'x-forwarded-for': said.for = join(said.for); break
    case 'x-forwarded-proto': said.proto = join(said.proto); break
    case 'x-forwarded-host': said.host = join(said.host); break
    case 'forwarded': said.forwarded = join(said.forwarded); break
    // X-Forwarded-Port, -Prefix and the like of a trusted proxy pass. A spelling that only an app's folding makes one does not.
    default: if (/^[a-z-]+$/i.test(name)) headers.push(name, value)
  }
}

/** RFC 9112 3.2.2: an absolute-form target names the host, whatever Host says. 3.2.4: `*`, or a URL without a path, is OPTIONS of the server itself. */
function splitTarget(url: string, method: string | undefined): { target: string; path: string; authority: string | undefined } {
  // RFC 9112 3.2: a fragment stays with the client. Some apps take one off and some do not, so rules for paths could be dodged by it.
  if (url.includes('#')) throw new UnstickError('bad_request', 'The request target has a fragment ("#"). Leave it out, or write %23.')
  let target = url
  let authority: string | undefined
  if (!url.startsWith('/') && !(url === '*' && method === 'OPTIONS')) {
    const absolute = /^https?:\/\/([^/?#@]+)([/?][^#]*)?$/i.exec(url)
    if (absolute === null) throw new UnstickError('bad_request', 'The request target is neither a path nor an http URL.')
    authority = absolute[1]
    target = absolute[2] ?? (method === 'OPTIONS' ? '*' : '')
    if (target !== '*' && !target.startsWith('/')) target = `/${target}`
  }
  const query = target.indexOf('?')
  return { target, path: query === -1 ? target : target.slice(0, query), authority }
}

/** The name of a Host header: without port, lower case. */
function nameOf(host: string): string {
  const lower = host.toLowerCase()
  if (lower.startsWith('[')) return lower.slice(0, lower.indexOf(']') + 1)
  const colon = lower.indexOf(':')
  return colon === -1 ? lower : lower.slice(0, colon)
}

/** Browsers treat these as secure contexts, so cookies marked Secure work in local trials. */
function isLoopback(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || /^127(\.\d{1,3}){3}$/.test(name)
}

interface SortedCookies {
  readonly kept: CookiePair[]
  readonly dropped: CookiePair[]
  readonly tokens: string[]
  readonly asReceived: SortedRequest['asReceived']
}

function sortCookies(text: string, sorter: CookieSorter, https: boolean): SortedCookies {
  const kept: CookiePair[] = []
  const dropped: CookiePair[] = []
  const tokens: string[] = []
  let whole = true
  for (const pair of parseCookieHeader(text)) {
    const kind = kindOf(pair, sorter, https)
    if (kind === 'plain') kept.push(pair)
    else {
      whole = false
      if (kind === 'token') tokens.push(pair.value)
      else if (kind === 'vaulted') dropped.push(pair)
    }
  }
  return { kept, dropped, tokens, asReceived: whole ? { text, cookies: kept } : undefined }
}

/**
 * Judges a pair by all that some server may see in it: Python's http.cookies begins a new pair at a space, RFC 2109 at a comma, and
 * where the name is empty the value may be taken for one.
 */
function kindOf({ name, value }: CookiePair, sorter: CookieSorter, https: boolean): CookieKind {
  const kind = name === '' ? 'plain' : sorter.kind(name, https)
  if (kind !== 'plain' || (name !== '' && !(value.includes('=') && /[^!-+\--~]/.test(value)))) return kind
  const beforeEquals = value.split('=')
  if (beforeEquals.length > 1) beforeEquals.pop()
  for (const part of beforeEquals) {
    const word = part.split(/[^!-+\--~]+/).findLast((each) => each !== '')
    if (word !== undefined && sorter.kind(word, https) !== 'plain') return 'stripped'
  }
  return 'plain'
}
