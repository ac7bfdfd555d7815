/**
 * Which rule a request falls under. First match wins; what matches none gets the defaults.
 *
 * A rule is matched against the path as an app sees it, so that it cannot be dodged by spelling: without query, percent-decoded
 * once (as UTF-8; what does not decode stays, or stands as U+FFFD), with runs of `/` folded into one and `.` and `..` resolved. A path that does not
 * start with `/` gets the defaults. Case and a final slash count: `/cart/` is under `/cart/**`, but is not `/cart`. To some apps they do not, and neither do
 * parameters in a path (`/cart;v=1`): where that reading falls under another rule, and the rule is stricter, it counts.
 */
import type { Millis } from '../clock.ts'
import type { Config, RouteConfig } from './config.ts'
import { globMatches } from '../glob.ts'
import { right, wrong, type Parsed } from './parsed.ts'

export interface Route {
  /** Whether the request may have a session at all. */
  readonly session: boolean
  /** Whether it keeps its session alive. */
  readonly touch: boolean
  readonly lock: 'exclusive' | 'off'
  /** How long to wait for the lock before `session_busy`. */
  readonly lockWaitMs: Millis
}

export interface Routes {
  /** `path` as in the request target, without query. */
  match(method: string, path: string): Route
}

export interface RoutePattern {
  /** undefined: any method. */
  readonly method: string | undefined
  /** Between slashes; `**` alone stands for any number of segments, none included. */
  readonly segments: readonly string[]
}

const ALLOWED = '/path/* or METHOD /path/**'

/** Reads `GET /static/**` or `/static/**`: `*` within a segment, `**` as a segment of its own for any number of them. */
export function parseRoutePattern(text: string): Parsed<RoutePattern> {
  const match = /^(?:(\S+) +)?(\/\S*)$/.exec(text)
  if (match === null) return wrong('is not a route', { allowed: ALLOWED, ...(/^[^\s/]\S*$/.test(text) ? { instead: `/${text}` } : {}) })
  const [, method, path = ''] = match
  if (method !== undefined && !/^[A-Z][A-Z0-9_-]*$/.test(method)) {
    const upper = method.toUpperCase()
    return wrong('has a method that is not a word in upper case', { allowed: ALLOWED, ...(/^[A-Z][A-Z0-9_-]*$/.test(upper) ? { instead: `${upper} ${path}` } : {}) })
  }
  if (/[?#]/.test(path)) return wrong('has a query or a fragment, and routes are matched without', { allowed: ALLOWED })
  const segments = path.slice(1).split('/')
  if (segments.some((segment) => segment !== '**' && segment.includes('**'))) return wrong('has ** beside other characters', { allowed: '** between slashes, as in /static/**/*.js' })
  if (normalisePath(path) !== path) return wrong('can never match: paths are matched decoded, without // and without . or .. segments')
  return right({ method, segments })
}

/** The path as rules see it; undefined when it is no path. */
export function normalisePath(path: string): string | undefined {
  if (!path.startsWith('/')) return undefined
  return /%|\/\/|\/\./.test(path) ? resolved(decode(path)) : path
}

/** A decoded path without empty, `.` and `..` segments. */
function resolved(path: string): string {
  const segments: string[] = []
  const parts = path.split('/')
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1
    if (part === '..') segments.pop()
    else if (part !== '' && part !== '.') {
      segments.push(part)
      continue
    }
    // A path that ends in a slash or a dot segment names a folder, which ends in a slash.
    if (last) segments.push('')
  }
  return `/${segments.join('/')}`
}

/** Apps differ in what they make of bytes that are no UTF-8 and of a stray `%`, but few refuse them: they must not be a way around a rule. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'))
  }
}

/** Whether the segments of a path are what the pattern stands for. Backtracks to the last `**` only, so time stays bounded. */
export function segmentsMatch(pattern: readonly string[], path: readonly string[]): boolean {
  let p = 0
  let s = 0
  let stars = -1
  let resume = 0
  while (s < path.length) {
    const piece = pattern[p]
    if (piece === '**') {
      stars = p
      resume = s
      p += 1
    } else if (piece !== undefined && segmentMatches(piece, path[s] ?? '')) {
      p += 1
      s += 1
    } else if (stars !== -1) {
      resume += 1
      p = stars + 1
      s = resume
    } else return false
  }
  while (pattern[p] === '**') p += 1
  return p === pattern.length
}

function segmentMatches(pattern: string, segment: string): boolean {
  return pattern.includes('*') ? globMatches(pattern, segment) : pattern === segment
}

/** What a request gets that no rule speaks of: files lock, since their apps lock their files on one machine too. */
export function routeDefaults(config: Pick<Config, 'carriers'>): Route {
  return Object.freeze({ session: true, touch: true, lock: config.carriers.files.length > 0 ? 'exclusive' : 'off', lockWaitMs: DEFAULT_LOCK_WAIT_MS })
}

export const DEFAULT_LOCK_WAIT_MS: Millis = 30_000

/** Compiles the rules once; `match` hands out the same frozen objects again and again. Throws on a pattern that was not checked before. */
export function compileRoutes(routes: readonly RouteConfig[], defaults: Route): Routes {
  if (routes.length === 0) return { match: () => defaults }
  const compiled = routes.map((route) => {
    const pattern = parseRoutePattern(route.match)
    if (!pattern.ok) throw new TypeError(`the route ${JSON.stringify(route.match)} ${pattern.problem}`)
    const result: Route = Object.freeze({
      session: route.session !== 'off',
      touch: route.touch ?? defaults.touch,
      lock: route.lock ?? defaults.lock,
      lockWaitMs: route.lockWaitMs ?? defaults.lockWaitMs,
    })
    return { ...pattern.value, folded: fold(pattern.value.segments), result }
  })
  const find = (method: string, segments: readonly string[], loosely: boolean): Route => {
    const found = compiled.find(({ method: wanted, segments: pattern, folded }) => (wanted === undefined || wanted === method) && segmentsMatch(loosely ? folded : pattern, segments))
    return found?.result ?? defaults
  }
  const locks = compiled.some(({ result }) => strictness(result) === STRICTEST)
  return {
    match(method, path) {
      const segments = segmentsOf(path)
      if (segments === undefined) return defaults
      const route = find(method, segments, false)
      // The other readings cost as much again: only where they can make a difference.
      if (strictness(route) === STRICTEST || !(locks || PARAMETER.test(path))) return route
      return looseReadings(path, segments).map((reading) => find(method, reading, true)).reduce((strictest, loose) => (strictness(loose) > strictness(strictest) ? loose : strictest), route)
    },
  }
}

/** What a client could gain by dodging it: a lock first, then the session. */
const strictness = ({ session, lock }: Route): number => (session ? (lock === 'exclusive' ? STRICTEST : 1) : 0)
const STRICTEST = 2

/**
 * All rules whose `on` a request matches, in order; a path that cannot be decoded matches none. `loosely`: what is left of a rule for a request whose
 * path an app might take for the rule's: in another case, with a slash at its end, or with parameters (`/login;x=1`); and for a HEAD of what it GETs. Throws on a pattern that
 * was not checked before.
 */
export function compileRules<T extends { readonly on: string }>(rules: readonly T[], loosely: (rule: T) => T | undefined = () => undefined): { match(method: string, path: string): readonly T[] } {
  const none: readonly T[] = []
  if (rules.length === 0) return { match: () => none }
  const compiled = rules.map((rule) => {
    const pattern = parseRoutePattern(rule.on)
    if (!pattern.ok) throw new TypeError(`the pattern ${JSON.stringify(rule.on)} ${pattern.problem}`)
    return { ...pattern.value, rule, loose: loosely(rule), folded: fold(pattern.value.segments) }
  })
  return {
    match(method, path) {
      let found: T[] | undefined
      let segments: readonly string[] | undefined
      let readings: readonly (readonly string[])[] | undefined
      for (const { method: wanted, segments: pattern, rule, loose, folded } of compiled) {
        const named = wanted === undefined || wanted === method
        if (!named && (loose === undefined || wanted !== 'GET' || method !== 'HEAD')) continue
        // Not before a rule asks: most requests are not of a method that one is about.
        segments ??= segmentsOf(path) ?? UNDECODABLE
        if (segments === UNDECODABLE) return none
        if (named && segmentsMatch(pattern, segments)) (found ??= []).push(rule)
        else if (loose !== undefined && (readings ??= looseReadings(path, segments)).some((reading) => segmentsMatch(folded, reading))) (found ??= []).push(loose)
      }
      return found ?? none
    },
  }
}

const UNDECODABLE: readonly string[] = []

const segmentsOf = (path: string): string[] | undefined => normalisePath(path)?.slice(1).split('/')

const PARAMETER = /;|%3b/i

const withoutParameters = (path: string): string => path.replace(/;[^/]*/g, '')

/**
 * What apps that are loose about paths may take one for, folded as patterns are: of `segments`, its exact reading; and, with parameters in it, as those do
 * who take them off before they look at dots (`/a/..;/login`; Tomcat and Jetty), be it before or after they decode.
 */
function looseReadings(path: string, segments: readonly string[]): (readonly string[])[] {
  const readings = [fold(segments)]
  if (PARAMETER.test(path)) readings.push(fold(resolved(withoutParameters(decode(withoutParameters(path)))).slice(1).split('/')))
  return readings
}

function fold(segments: readonly string[]): readonly string[] {
  const folded = segments.map((segment) => (segment.split(';', 1)[0] ?? '').toLowerCase())
  return folded.length > 1 && folded.at(-1) === '' ? folded.slice(0, -1) : folded
}

/** Whether every request that `later` matches is taken by `earlier` already. May miss a case, never claims a wrong one. */
export function shadows(earlier: RoutePattern, later: RoutePattern): boolean {
  if (earlier.method !== undefined && earlier.method !== later.method) return false
  const plain = earlier.segments.filter((segment) => segment !== '**')
  if (plain.length === earlier.segments.length - 1 && earlier.segments.at(-1) === '**') {
    return plain.every((segment, i) => later.segments[i] === segment)
  }
  return earlier.segments.length === later.segments.length && earlier.segments.every((segment, i) => segment === later.segments[i])
}
