/**
 * Which cookie is whose, by its name. A client's cookie is judged in the loosest form that any app might read it in, so
 * that a look-alike cannot stand in for a vaulted one: PHP turns `.`, space and `[` into `_`, older servers decode `%`,
 * some ignore case.
 */
import { Bounded, detached } from '../bounded.ts'
import { globMatches } from '../glob.ts'
import type { CookieKind, CookieSorter } from './request-head.ts'

/** A set of cookie names, some of them globs: `*` stands for any characters, `?` for one. */
export class CookieNames {
  readonly #exact = new Set<string>()
  readonly #globs: string[] = []
  readonly #folded = new Set<string>()
  readonly #foldedGlobs: string[] = []

  constructor(patterns: Iterable<string>) {
    for (const pattern of patterns) {
      if (/[*?]/.test(pattern)) {
        this.#globs.push(pattern)
        this.#foldedGlobs.push(...readings(pattern))
      } else {
        this.#exact.add(pattern)
        for (const reading of readings(pattern)) this.#folded.add(reading)
      }
    }
  }

  /** Whether the app's cookie of exactly this name is in the set. */
  has(name: string): boolean {
    return this.#exact.has(name) || this.#globs.some((glob) => globMatches(glob, name))
  }

  /** Whether an app might take a cookie of this name for one in the set. */
  mayPassFor(name: string): boolean {
    return readings(name).some((reading) => this.#folded.has(reading) || this.#foldedGlobs.some((glob) => globMatches(glob, reading)))
  }
}

/**
 * What apps may make of a name, each folded as far as any of them goes: the name as a whole, where an unclosed `[` counts as `_`
 * (`a[b` is PHP's `a_b`); what is before a `[` that opens an index (`a[b]` is PHP's array `a`); what is before an encoded NUL.
 */
function readings(name: string): string[] {
  const decoded = name.includes('%') ? name.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))) : name
  const found = [fold(decoded)]
  for (const end of ['[', '\0']) {
    const at = decoded.indexOf(end, 1)
    if (at !== -1) found.push(fold(decoded.slice(0, at)))
  }
  return found
}

/** Lenient parsers trim quotes, control characters and the many spaces of Unicode, which are bytes beyond ASCII here; PHP folds the rest. */
const fold = (name: string): string => name.replace(/[^ -~]|["']/g, '').trim().toLowerCase().replace(/[. [+]/g, '_')

/** The names of the token cookie: with the `__Host-` prefix (RFC 6265bis 4.1.3.2) wherever that can be. */
export interface TokenCookieNames {
  readonly https: string
  readonly http: string
}

/** Clients choose the names: a longer one is judged each time rather than kept. */
const LONGEST_KEPT = 64

/** Sorts a client's cookies into ours, vaulted and the app's own business. */
export function cookieSorter(token: TokenCookieNames, vaulted: CookieNames): CookieSorter {
  const ours = new CookieNames([token.https, token.http])
  const kinds = { https: new Bounded<string, CookieKind>(2_000), http: new Bounded<string, CookieKind>(2_000) }
  const judge = (name: string, expected: string): CookieKind => {
    if (name === expected) return 'token'
    if (ours.mayPassFor(name)) return 'stripped'
    return vaulted.mayPassFor(name) ? 'vaulted' : 'plain'
  }
  return {
    kind(name, https) {
      const known = https ? kinds.https : kinds.http
      let kind = known.get(name)
      if (kind === undefined) {
        kind = judge(name, https ? token.https : token.http)
        if (name.length <= LONGEST_KEPT) known.set(detached(name), kind)
      }
      return kind
    },
  }
}
