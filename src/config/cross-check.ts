/** What only several keys together can get wrong. */
import { reaches } from './address.ts'
import { globMatches } from '../glob.ts'
import { checkHeaders } from './headers-check.ts'
import type { Conflict } from './problem.ts'
import { parseRoutePattern, shadows, type RoutePattern } from './routes.ts'
import type { Settings } from './schema.ts'
import { isLocal } from './store-url.ts'

export function crossCheck(settings: Settings, known: { secretGiven: boolean }): Conflict[] {
  return [
    ...checkSecret(settings, known.secretGiven),
    ...checkAddresses(settings),
    ...checkCookie(settings),
    ...checkTimes(settings),
    ...checkFiles(settings),
    ...checkHeaders(settings),
    ...checkRoutes(settings),
  ]
}

function checkSecret({ store }: Settings, given: boolean): Conflict[] {
  if (given || isLocal(store)) return []
  return [{ at: [['secret'], ['store']], message: 'this store is shared, so all sidecars need one secret, and there is none: set UNSTICK_SECRET, or the key secret, to what `unstick keygen` prints' }]
}

function checkAddresses({ listen, upstream, admin }: Settings): Conflict[] {
  const conflicts: Conflict[] = []
  if (reaches(upstream, listen)) conflicts.push({ at: [['upstream'], ['listen']], message: 'upstream is where unstick itself listens, so every request would go round in circles' })
  if (reaches(admin.listen, listen)) conflicts.push({ at: [['admin', 'listen'], ['listen']], message: 'admin.listen and listen are the same address, and the admin port may not be the public one' })
  if (reaches(upstream, admin.listen)) conflicts.push({ at: [['upstream'], ['admin', 'listen']], message: 'upstream is the address of the admin port, not of an app' })
  return conflicts
}

function checkCookie({ session: { cookie }, carriers }: Settings): Conflict[] {
  const conflicts: Conflict[] = []
  if (cookie.sameSite === 'none' && cookie.secure !== true) {
    conflicts.push({ at: [['session', 'cookie', 'sameSite'], ['session', 'cookie', 'secure']], message: 'browsers refuse a cookie with sameSite none that is not Secure: set session.cookie.secure to true' })
  }
  if (carriers.cookies.adopt && carriers.cookies.release) {
    conflicts.push({ at: [['carriers', 'cookies', 'release'], ['carriers', 'cookies', 'adopt']], message: 'carriers.cookies.adopt takes in what carriers.cookies.release hands back: one of them only' })
  }
  // In lower case: some servers take names that differ in case for one and the same.
  const mine = ['', '__Host-', '__Secure-'].map((prefix) => (prefix + cookie.name).toLowerCase())
  const clash = 'stands for the token cookie of unstick too: give session.cookie.name another name'
  for (const [i, pattern] of carriers.cookies.names.entries()) {
    if (mine.some((name) => globMatches(pattern.toLowerCase(), name))) conflicts.push({ at: [['carriers', 'cookies', 'names', i], ['session', 'cookie', 'name'], ['app']], message: `the vaulted name ${JSON.stringify(pattern)} ${clash}` })
  }
  for (const [i, rule] of carriers.files.entries()) {
    if (mine.includes(rule.cookie.toLowerCase())) conflicts.push({ at: [['carriers', 'files', i, 'cookie'], ['session', 'cookie', 'name'], ['app']], message: `the vaulted name ${JSON.stringify(rule.cookie)} ${clash}` })
  }
  return conflicts
}

function checkTimes({ session, limits }: Settings): Conflict[] {
  const conflicts: Conflict[] = []
  if (session.idleTimeout > session.lifetime) conflicts.push({ at: [['session', 'idleTimeout'], ['session', 'lifetime']], message: 'session.idleTimeout is longer than session.lifetime, so it could never be reached' })
  if (session.touchInterval >= session.idleTimeout) conflicts.push({ at: [['session', 'touchInterval'], ['session', 'idleTimeout']], message: 'session.touchInterval is not shorter than session.idleTimeout, so sessions in use would end' })
  if (limits.entry > limits.session) conflicts.push({ at: [['limits', 'entry'], ['limits', 'session']], message: 'limits.entry is more than limits.session, so it could never be reached' })
  return conflicts
}

function checkFiles({ carriers }: Settings): Conflict[] {
  const seen = new Set<string>()
  return carriers.files.flatMap(({ cookie }, i): Conflict[] => {
    const twice = seen.has(cookie)
    seen.add(cookie)
    return twice ? [{ at: [['carriers', 'files', i, 'cookie']], message: `the cookie ${JSON.stringify(cookie)} has a file already, and may have one only` }] : []
  })
}

function checkRoutes({ routes, carriers }: Settings): Conflict[] {
  const conflicts: Conflict[] = []
  const earlier: RoutePattern[] = []
  for (const [i, { match, session, touch, lock, lockWait }] of routes.entries()) {
    const pattern = parseRoutePattern(match)
    if (pattern.ok) {
      const first = earlier.findIndex((other) => shadows(other, pattern.value))
      if (first !== -1) conflicts.push({ at: [['routes', i, 'match']], message: `can never be reached: routes[${first}] takes all that it matches` })
      earlier.push(pattern.value)
    }
    const idle = { touch, lock, lockWait }
    for (const key of ['touch', 'lock', 'lockWait'] as const) {
      if (session === 'off' && idle[key] !== undefined) conflicts.push({ at: [['routes', i, key]], message: 'has no effect where session is off' })
    }
    if (session !== 'off' && lockWait !== undefined && (lock ?? (carriers.files.length > 0 ? 'exclusive' : 'off')) === 'off') {
      conflicts.push({ at: [['routes', i, 'lockWait']], message: 'has no effect without lock: exclusive' })
    }
  }
  return conflicts
}
