/**
 * A browser's cookie jar as RFC 6265bis 5.7 and 5.8 describe it, written from there and as plainly as can be, to hold the
 * carrier against. What a server sets comes as parts, so that nothing here depends on reading Set-Cookie.
 */
export interface SetByServer {
  readonly name: string
  readonly value: string
  /** As written after `Domain=`; undefined: no such attribute. */
  readonly domain: string | undefined
  readonly path: string | undefined
  readonly maxAgeS: number | undefined
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
  readonly secure: boolean
}

export interface Place {
  readonly host: string
  readonly path: string
  readonly secure: boolean
}

interface Kept {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  readonly endsAt: number
  readonly created: number
}

const LONGEST_MS = 400 * 24 * 60 * 60 * 1000

export class BrowserJar {
  #kept: Kept[] = []
  #created = 0

  receive(set: SetByServer, from: Place, now: number): void {
    this.#evict(now)
    const wanted = (set.domain ?? '').replace(/^\./, '').toLowerCase()
    const hostOnly = wanted === ''
    if (!hostOnly && !belongs(from.host, wanted)) return
    if (set.secure && !from.secure) return
    const lower = set.name.toLowerCase()
    if (lower.startsWith('__secure-') && !set.secure) return
    if (lower.startsWith('__host-') && !(set.secure && hostOnly && set.path === '/')) return
    const domain = hostOnly ? from.host : wanted
    const path = set.path?.startsWith('/') === true ? set.path : parentOf(from.path)
    const covered = (old: Kept): boolean => old.name === set.name && old.secure && (belongs(old.domain, domain) || belongs(domain, old.domain)) && within(path, old.path)
    if (!set.secure && !from.secure && this.#kept.some(covered)) return
    const old = this.#kept.find((one) => one.name === set.name && one.domain === domain && one.hostOnly === hostOnly && one.path === path)
    this.#kept = this.#kept.filter((one) => one !== old)
    this.#created += 1
    this.#kept.push({ name: set.name, value: set.value, domain, hostOnly, path, secure: set.secure, endsAt: endOf(set, now), created: old?.created ?? this.#created })
    this.#evict(now)
  }

  /** What goes out with a request, in order; `endsAt`: Infinity for a cookie that ends with the browser. */
  sends(to: Place, now: number): { name: string; value: string; endsAt: number }[] {
    this.#evict(now)
    return this.#kept
      .filter((one) => (one.hostOnly ? one.domain === to.host : belongs(to.host, one.domain)) && within(to.path, one.path) && (to.secure || !one.secure))
      .sort((a, b) => (a.path.length === b.path.length ? a.created - b.created : b.path.length - a.path.length))
      .map(({ name, value, endsAt }) => ({ name, value, endsAt }))
  }

  #evict(now: number): void {
    this.#kept = this.#kept.filter((one) => one.endsAt > now)
  }
}

function endOf({ maxAgeS, expires }: SetByServer, now: number): number {
  if (maxAgeS !== undefined) return maxAgeS <= 0 ? Number.NEGATIVE_INFINITY : now + Math.min(maxAgeS * 1000, LONGEST_MS)
  return expires === undefined ? Number.POSITIVE_INFINITY : Math.min(expires, now + LONGEST_MS)
}

function belongs(host: string, domain: string): boolean {
  if (host === domain) return true
  const isAddress = host.split('.').every((part) => part !== '' && Number.isInteger(Number(part)))
  return !isAddress && host.endsWith(domain) && host[host.length - domain.length - 1] === '.'
}

function within(path: string, cookiePath: string): boolean {
  return path === cookiePath || (path.startsWith(cookiePath) && (cookiePath.endsWith('/') || path.slice(cookiePath.length).startsWith('/')))
}

function parentOf(path: string): string {
  const parts = path.split('/')
  return parts.length <= 2 ? '/' : parts.slice(0, -1).join('/')
}
