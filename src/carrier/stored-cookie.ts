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
}

const PREFIX = 'cookie:'

export const isCookieEntry = (name: EntryName): boolean => name.startsWith(PREFIX)

export function cookieEntryName({ name, host, domain, path }: StoredCookie): EntryName {
  const entry = `${PREFIX}${name};${domain === undefined ? host : `.${domain}`};${path}`
  // Names and paths have no limit; entry names do.
  return entry.length <= 256 ? entry : `${PREFIX}#${hash('sha256', entry, 'base64url')}`
}

type Wire = [name: string, value: string, host: string, domain: string | 0, path: string, secure: 0 | 1, createdAt: Millis]

export function writeCookie({ name, value, host, domain, path, secure, createdAt }: StoredCookie): Buffer {
  const wire: Wire = [name, value, host, domain ?? 0, path, secure ? 1 : 0, createdAt]
  return Buffer.from(JSON.stringify(wire))
}

/** For bytes that `writeCookie` made; sealing vouches for them. */
export function readCookie(bytes: Uint8Array): StoredCookie {
  const [name, value, host, domain, path, secure, createdAt] = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString()) as Wire
  return { name, value, host, domain: domain === 0 ? undefined : domain, path, secure: secure === 1, createdAt }
}
