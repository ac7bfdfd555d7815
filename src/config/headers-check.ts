/** What several keys of `carriers.headers`, or those with routes, can only get wrong together. */
import { foldHeaderName } from '../http/header-names.ts'
import { ATTRIBUTE, parseHeaderName, receiveNames } from './headers-schema.ts'
import type { Conflict, Path } from './problem.ts'
import { parseRoutePattern, shadows } from './routes.ts'
import type { Settings } from './schema.ts'
import { nearest } from './suggest.ts'

type Headers = NonNullable<Settings['carriers']['headers']>
type Rule = Headers['capture'][number]

const HERE: Path = ['carriers', 'headers']

export function checkHeaders({ carriers: { headers }, routes }: Settings): Conflict[] {
  if (headers === undefined) return []
  return [...checkNames(headers), ...checkAttributes(headers), ...headers.capture.flatMap((rule, i) => checkRule(rule, [...HERE, 'capture', i], routes))]
}

/** Two that an app may fold into one would be two opinions on the same. */
function checkNames({ send, id, inject, receive }: Headers): Conflict[] {
  const conflicts: Conflict[] = []
  for (const name of Object.keys(inject)) {
    const parsed = parseHeaderName(name)
    if (!parsed.ok) conflicts.push({ at: [[...HERE, 'inject', name]], message: parsed.problem })
  }
  const sent: [Path, string | undefined][] = [[[...HERE, 'send'], send], [[...HERE, 'id'], id], ...Object.keys(inject).map((name): [Path, string] => [[...HERE, 'inject', name], name])]
  const heard = Object.entries(receiveNames(receive)).map(([verb, name]): [Path, string] => [[...HERE, 'receive', verb], name])
  for (const list of [sent, heard]) {
    const seen = new Map<string, string>()
    for (const [path, name] of list) {
      if (name === undefined) continue
      const folded = foldHeaderName(name)
      const other = seen.get(folded)
      if (other === undefined) seen.set(folded, name)
      else conflicts.push({ at: [path, [...HERE, 'receive']], message: `${JSON.stringify(name)} and ${JSON.stringify(other)} may be the same header to the app` })
    }
  }
  return conflicts
}

function checkAttributes({ send, format, inject, receive, capture }: Headers): Conflict[] {
  const conflicts: Conflict[] = []
  const names = receiveNames(receive)
  const fromApp = names.set !== undefined || names.replace !== undefined
  const captured = capture.flatMap(({ set }) => Object.keys(set))
  if (!fromApp && captured.length === 0) {
    const first = send === undefined ? Object.keys(inject).slice(0, 1).map((name) => [...HERE, 'inject', name]) : [[...HERE, 'send']]
    if (first.length > 0) conflicts.push({ at: first, message: 'has nothing to send: say in receive or capture where attributes come from' })
  } else if (!fromApp) {
    for (const [name, { attributes }] of Object.entries(inject)) {
      for (const attribute of attributes.filter((each) => !captured.includes(each))) {
        conflicts.push({ at: [[...HERE, 'inject', name]], message: `names the attribute ${JSON.stringify(attribute)}, which no capture rule sets, so it would never be sent (did you mean ${nearest(attribute, captured)})` })
      }
    }
  }
  if (format !== 'form' && send === undefined && !fromApp) conflicts.push({ at: [[...HERE, 'format']], message: 'has no effect without send or receive' })
  return conflicts
}

function checkRule({ on, set, subject, strip, destroy }: Rule, here: Path, routes: Settings['routes']): Conflict[] {
  const conflicts: Conflict[] = []
  const attributes = Object.keys(set)
  for (const name of attributes.filter((each) => !ATTRIBUTE.test(each))) conflicts.push({ at: [[...here, 'set', name]], message: 'is not the name of an attribute (allowed letters, digits and _ . -)' })
  if (destroy && (attributes.length > 0 || subject !== undefined)) conflicts.push({ at: [[...here, 'set'], [...here, 'subject']], message: 'has no effect beside destroy: true' })
  if (!destroy && attributes.length + strip.length === 0) conflicts.push({ at: [here], message: 'does nothing: it needs set, strip or destroy' })
  if (subject !== undefined && !destroy && !attributes.includes(subject)) {
    const meant = nearest(subject, attributes)
    conflicts.push({ at: [[...here, 'subject']], message: `names the attribute ${JSON.stringify(subject)}, which this rule does not set${meant === undefined ? '' : ` (did you mean ${meant})`}` })
  }
  const off = sessionOff(on, routes)
  if (off !== undefined) conflicts.push({ at: [[...here, 'on']], message: `can never be heeded: routes[${off}] switches sessions off there` })
  return conflicts
}

/** The route that takes all requests of a rule, where that has no sessions. */
function sessionOff(on: string, routes: Settings['routes']): number | undefined {
  const rule = parseRoutePattern(on)
  if (!rule.ok) return undefined
  const first = routes.findIndex(({ match }) => {
    const route = parseRoutePattern(match)
    return route.ok && shadows(route.value, rule.value)
  })
  return routes[first]?.session === 'off' ? first : undefined
}
