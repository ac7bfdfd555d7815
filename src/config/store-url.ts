/** The `store` key: which store, and where. Its text may hold a password, so no flaw repeats any part of it. */
import type { StoreConfig } from './config.ts'
import { parseHostPort } from './address.ts'
import { right, wrong, type Parsed } from './parsed.ts'
import { likely } from './suggest.ts'

const ALLOWED = 'memory: sqlite:PATH redis://host:port/db rediss://… redis+sentinel://h:p,h:p/db?name=… redis+cluster://h:p,h:p'
const SCHEMES = ['memory:', 'sqlite:', 'redis:', 'rediss:', 'redis+sentinel:', 'redis+cluster:', 'rediss+sentinel:', 'rediss+cluster:', 'hazelcast:']

export const isLocal = (store: StoreConfig): boolean => store.kind !== 'redis'

export function parseStore(text: string): Parsed<StoreConfig> {
  const colon = text.indexOf(':')
  const scheme = colon === -1 ? text : text.slice(0, colon + 1)
  const rest = colon === -1 ? '' : text.slice(colon + 1)
  if (scheme === 'memory:') return rest === '' ? right({ kind: 'memory' }) : wrong('has something after memory:', { allowed: 'memory:' })
  if (scheme === 'sqlite:') return parseSqlite(rest)
  if (scheme === 'hazelcast:') return wrong('names a store that is not in this version yet', { allowed: ALLOWED })
  const redis = /^redis(s)?(?:\+(sentinel|cluster))?:$/.exec(scheme)
  if (redis !== null && rest.startsWith('//')) {
    return parseRedis(rest.slice(2), redis[1] === 's', (redis[2] ?? 'single') as 'single' | 'sentinel' | 'cluster')
  }
  if (redis !== null) return wrong('has no // after its scheme', { allowed: ALLOWED })
  const meant = likely(scheme.endsWith(':') ? scheme : `${scheme}:`, SCHEMES)
  return wrong('names no store that unstick knows', { allowed: ALLOWED, ...(meant === undefined ? {} : { meant }) })
}

function parseSqlite(path: string): Parsed<StoreConfig> {
  if (path === '') return wrong('names no file', { allowed: 'sqlite:PATH' })
  if (path === ':memory:') return wrong('is a database that no other process can see', { allowed: 'sqlite:PATH', meant: 'memory:' })
  if (path.includes('\0') || path.endsWith('/')) return wrong('does not name a file', { allowed: 'sqlite:PATH' })
  return right({ kind: 'sqlite', path })
}

function parseRedis(text: string, tls: boolean, mode: 'single' | 'sentinel' | 'cluster'): Parsed<StoreConfig> {
  // The last @ before the path ends the credentials, so that a password may hold an @; a / in it has to be written %2F.
  const match = /^(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(text)
  // An @ after the hosts: what stands before it was meant as a password.
  if (match === null || `${match[3] ?? ''}${match[4] ?? ''}`.includes('@')) {
    return wrong('is not an address of Redis: in a password, write / as %2F, ? as %3F and # as %23', { allowed: ALLOWED })
  }
  const [, credentials, hosts = '', path = '', query = ''] = match
  const nodes: { host: string; port: number }[] = []
  for (const host of hosts.split(',')) {
    const node = parseHostPort(host, mode === 'sentinel' ? 26_379 : 6379)
    if (node === undefined || node.port === 0) return wrong('has a host that is not host:port', { allowed: ALLOWED })
    nodes.push(node)
  }
  if (mode === 'single' && nodes.length > 1) return wrong('names several hosts: say what they are', { allowed: 'redis+sentinel:// redis+cluster://' })
  const login = parseCredentials(credentials)
  if (login === undefined) return wrong('has a % in its credentials that is not followed by two hex digits', { allowed: 'user:password, percent-encoded' })
  if (path !== '' && !/^\d{1,4}$/.test(path)) return wrong('has a database that is not a number', { allowed: ALLOWED })
  const db = Number(path)
  if (mode === 'cluster' && db !== 0) return wrong('names a database, and a cluster has only database 0', { allowed: 'redis+cluster://h:p,h:p' })
  const options = new URLSearchParams(query)
  for (const name of options.keys()) {
    if (mode !== 'sentinel' || name !== 'name') return wrong('has an option that unstick does not know', { allowed: mode === 'sentinel' ? '?name=…' : 'none' })
  }
  const masterName = options.get('name') ?? ''
  if (mode === 'sentinel' && masterName === '') return wrong('does not name the master that the sentinels watch', { allowed: 'redis+sentinel://h:p,h:p/0?name=mymaster' })
  return right({ kind: 'redis', mode, tls, nodes, ...login, db, ...(mode === 'sentinel' ? { masterName } : {}) })
}

/** `user:password`, `:password`; undefined when it cannot be decoded. */
function parseCredentials(text: string | undefined): { username?: string; password?: string } | undefined {
  if (text === undefined) return {}
  const colon = text.indexOf(':')
  try {
    const username = decodeURIComponent(colon === -1 ? text : text.slice(0, colon))
    const password = colon === -1 ? '' : decodeURIComponent(text.slice(colon + 1))
    return { ...(username === '' ? {} : { username }), ...(password === '' ? {} : { password }) }
  } catch {
    // Only decodeURIComponent throws here, and what it says is told by the caller without the text.
    return undefined
  }
}
