/** A vaulted cookie as an entry's value, and the entry's name: RFC 6265bis identifies a cookie by name, domain and path. */
import { hash } from 'node:crypto'
import type { Millis } from '../clock.ts'
import type { EntryName } from '../store/store.ts'

export interface StoredCookie {
  readonly name: string
  readonly value: string
  /** The host that was asked when the app set it; without `domain` it goes back to this one only. */
  readonly host: string
  readonly domain: string | undefined
  readonly path: string
  readonly secure: boolean
  readonly createdAt: Millis
  /** What the app said beside that, as in Set-Cookie: `; HttpOnly; SameSite=Lax`. undefined: an older version stored the cookie. */
  readonly attributes?: string | undefined
  /** undefined: this value was never handed back to the client. */
  readonly released?: Released | undefined
}

/** What is known of the client's own copy, once it was handed one. */
export interface Released {
  /** When the client first sent a copy of it; 0: not yet. */
  readonly shownAt: Millis
  /** Digests of what the client had before, and may still send: `since` when it was seen to have this value; 0: it was not. */
  readonly old: readonly (readonly [digest: string, since: Millis])[]
}

const PREFIX = 'cookie:'

export const isCookieEntry = (name: EntryName): boolean => name.startsWith(PREFIX)

export function cookieEntryName({ name, host, domain, path }: StoredCookie): EntryName {
  const entry = `${PREFIX}${name};${domain === undefined ? host : `.${domain}`};${path}`
  // Names and paths have no limit; entry names do.
  return entry.length <= 256 ? entry : `${PREFIX}#${hash('sha256', entry, 'base64url')}`
}

/** Older versions read the first seven. */
type Wire = [
  name: string, value: string, host: string, domain: string | 0, path: string, secure: 0 | 1, createdAt: Millis,
  attributes?: string | 0, released?: [shownAt: Millis, old: Released['old']],
]

export function writeCookie({ name, value, host, domain, path, secure, createdAt, attributes, released }: StoredCookie): Buffer {
  const wire: Wire = [name, value, host, domain ?? 0, path, secure ? 1 : 0, createdAt]
  if (attributes !== undefined || released !== undefined) wire.push(attributes ?? 0)
  if (released !== undefined) wire.push([released.shownAt, released.old])
  return Buffer.from(JSON.stringify(wire))
}

/** For bytes that `writeCookie` made; sealing vouches for them. */
export function readCookie(bytes: Uint8Array): StoredCookie {
  const [name, value, host, domain, path, secure, createdAt, attributes, released] = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as Wire
  const cookie: StoredCookie = { name, value, host, domain: domain === 0 ? undefined : domain, path, secure: secure === 1, createdAt }
  if (attributes === undefined) return cookie
  return { ...cookie, attributes: attributes === 0 ? undefined : attributes, released: released === undefined ? undefined : { shownAt: released[0], old: released[1] } }
}
