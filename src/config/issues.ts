/** Turns what the schema found into problems in our words, at their place. */
import type { z } from 'zod'
import type { Value } from './document.ts'
import { keyDocs, keysAt } from './key-docs.ts'
import { formatPath, type Path, type Problem } from './problem.ts'
import { flawOf } from './scalar.ts'
import { likely, nearest } from './suggest.ts'

export interface Places {
  /** Where the value at `path` comes from, and how to name it there. */
  locate(path: Path): { where: string; key: string }
  /** The same for a key that should not be there. */
  locateKey(path: Path): { where: string; key: string }
  /** Whether the value there may be shown: it is no secret, and nothing was put into it by `${…}`. */
  mayShow(path: Path): boolean
}

/** What is at `path`, and the part of `path` that exists: `secret[0]` is `secret` where that is a single text. */
export function lookUp(values: Value, path: Path): { value: Value | undefined; path: Path } {
  let value: Value | undefined = values
  for (const [i, step] of path.entries()) {
    if (typeof value !== 'object') return { value, path: path.slice(0, i) }
    value = Object.hasOwn(value, step) ? (value as Record<string | number, Value>)[step] : undefined
    if (value === undefined) return { value, path: path.slice(0, i + 1) }
  }
  return { value, path }
}

export function problemsOf(issue: z.core.$ZodIssue, values: Value, places: Places): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey([...path, key], places))
  const found = lookUp(values, path)
  const at = places.locate(found.path)
  if (issue.code === 'invalid_type') return [{ ...at, message: wrongType(issue.expected, found) }]
  const flaw = flawOf(issue)
  if (flaw === undefined) return [{ ...at, message: 'is not what is wanted here' }]
  // An @ may be the end of a password in a URL, typed where no URL with one belongs.
  const show = places.mayShow(found.path) && typeof found.value === 'string' && !found.value.includes('@')
  const subject = typeof found.value !== 'string' || flaw.problem.includes('in this version yet') ? '' : show ? `${JSON.stringify(cut(found.value))} ` : 'the value '
  const meant = flaw.meant ?? (show ? flaw.instead : undefined)
  return [{ ...at, message: subject + flaw.problem, ...(flaw.allowed === undefined ? {} : { allowed: flaw.allowed }), ...(meant === undefined ? {} : { meant }) }]
}

const cut = (text: string): string => (text.length > 80 ? `${text.slice(0, 77)}…` : text)

function wrongType(expected: string, { value, path }: { value: Value | undefined; path: Path }): string {
  if (value === undefined) return 'is missing'
  const wanted = path[0] === 'secret' && path.length === 1 ? 'text or a list of texts' : (TYPES[expected] ?? expected)
  return `is ${typeof value === 'string' ? 'text' : Array.isArray(value) ? 'a list' : 'a map'}, and has to be ${wanted}`
}

const TYPES: Record<string, string> = { string: 'text', array: 'a list', object: 'a map' }

function unknownKey(path: Path, places: Places): Problem {
  const docs = keyDocs()
  const name = String(path.at(-1))
  const parent = formatPath(path.slice(0, -1).map((step) => (typeof step === 'number' ? 0 : step))).replaceAll('[0]', '[]')
  const known = keysAt(docs, parent)
  // A letter too few is the likeliest slip; then the right name on the wrong level, such as idleTimeout outside session; then any other spelling.
  const meant = likely(name, known) ?? docs.find(({ key }) => key.endsWith(`.${name}`))?.key ?? nearest(name, known)
  return { ...places.locateKey(path), message: 'is not a key that unstick knows', allowed: known.join(' '), ...(meant === undefined ? {} : { meant }) }
}
