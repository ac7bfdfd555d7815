/**
 * What unstick does with a header, by its name. Names are judged in the form into which apps may fold them: CGI, WSGI,
 * PHP and Rack all turn `-` and `_` into the same character, so `X_Session_User` must count as `X-Session-User`.
 */
import { Bounded } from '../bounded.ts'

export type HeaderKind =
  /** Passes as it came. */
  | 'plain'
  /** Belongs to one connection (RFC 9110 7.6.1), never forwarded. */
  | 'hop'
  /** Ours to say: a client's own is dropped, and so is the app's on the way out. */
  | 'reserved'
  /** X-Forwarded-* and Forwarded: believed from trusted proxies only. */
  | 'forwarded'
  | 'cookie' | 'set-cookie' | 'host' | 'connection' | 'content-length' | 'transfer-encoding' | 'expect' | 'upgrade' | 'te'

const EXACT = new Map<string, HeaderKind>([
  ['cookie', 'cookie'], ['set-cookie', 'set-cookie'], ['host', 'host'], ['connection', 'connection'],
  ['content-length', 'content-length'], ['transfer-encoding', 'transfer-encoding'], ['expect', 'expect'], ['upgrade', 'upgrade'],
  ['keep-alive', 'hop'], ['proxy-connection', 'hop'], ['proxy-authenticate', 'hop'], ['proxy-authorization', 'hop'],
  ['te', 'te'], ['http2-settings', 'hop'],
])

/** Lower case, every run of characters that are neither letter nor digit as one `-`: what the loosest app would see. */
export function foldHeaderName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '')
}

/** Tells what a header is by its name, in whatever spelling. */
export type HeaderKindOf = (name: string) => HeaderKind

/** Traffic repeats the same few spellings: looking one up is cheaper than folding it. Clients choose them, so their number and length are bounded. */
const MOST_KEPT = 2_000
const LONGEST_KEPT = 64

/**
 * `reserved`: names that the configuration has the sidecar inject or take from the app, beside the families that are reserved always. Reserved
 * wins over forwarded: an `X-Forwarded-User` that comes from the session is not for any proxy to say.
 */
export function headerKinds(reserved: Iterable<string>): HeaderKindOf {
  const ours = new Set(Array.from(reserved, foldHeaderName))
  const kinds = new Bounded<string, HeaderKind>(MOST_KEPT)
  return (name) => {
    let kind = kinds.get(name)
    if (kind === undefined) {
      kind = classify(name, ours)
      if (name.length <= LONGEST_KEPT) kinds.set(name, kind)
    }
    return kind
  }
}

/** With nothing reserved by configuration. */
export const headerKind: HeaderKindOf = headerKinds([])

function classify(name: string, ours: ReadonlySet<string>): HeaderKind {
  const exact = EXACT.get(name.toLowerCase())
  if (exact !== undefined) return exact
  const folded = foldHeaderName(name)
  if (ours.has(folded) || isOf('x-session', folded) || isOf('unstick', folded)) return 'reserved'
  if (isOf('x-forwarded', folded) || folded === 'forwarded') return 'forwarded'
  return 'plain'
}

const isOf = (family: string, folded: string): boolean => folded === family || folded.startsWith(`${family}-`)
