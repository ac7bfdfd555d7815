/** JSON Pointers (RFC 6901), over values that `parseJson` made. */
import type { Json } from './json.ts'

/** The steps of a pointer, unescaped. No steps: the whole document. */
export type JsonPointer = readonly string[]

/** undefined: not a pointer. It starts with `/`, or is empty; `~` stands only in `~0` and `~1`. */
export function parseJsonPointer(text: string): JsonPointer | undefined {
  if (text === '') return []
  if (!text.startsWith('/') || /~(?![01])/.test(text)) return undefined
  return text.slice(1).split('/').map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** undefined: nothing is there. `-`, the element behind an array's last, never is. */
export function valueAt(document: Json, pointer: JsonPointer): Json | undefined {
  let value: Json | undefined = document
  for (const step of pointer) {
    if (value === undefined) return undefined
    value = childOf(value, step)
  }
  return value
}

/**
 * As `valueAt`, for who must not be told another value than the app is: undefined also where a key on the way has a look-alike in another case, which
 * some parsers take for the same (Go's encoding/json), and for a number that a double does not hold exactly.
 */
export function onlyValueAt(document: Json, pointer: JsonPointer): Json | undefined {
  let value: Json | undefined = document
  for (const step of pointer) {
    if (value === undefined || (isMap(value) && Object.keys(value).filter((key) => caseless(key) === caseless(step)).length > 1)) return undefined
    value = childOf(value, step)
  }
  return typeof value === 'number' && !Number.isSafeInteger(value) ? undefined : value
}

/** Unicode's simple folding, near enough: the Kelvin sign is a k, the long s an s. */
const caseless = (text: string): string => text.toUpperCase().toLowerCase()

/** Takes out what the pointer names, in place; an element of an array becomes null, or those behind it would change their names. */
export function removeAt(document: Json, pointer: JsonPointer): boolean {
  const last = pointer.at(-1)
  const parent = valueAt(document, pointer.slice(0, -1))
  if (last === undefined || parent === undefined || childOf(parent, last) === undefined) return false
  if (Array.isArray(parent)) parent[Number(last)] = null
  else if (isMap(parent)) delete parent[last]
  return true
}

function childOf(value: Json, step: string): Json | undefined {
  // RFC 6901 4: an index has no leading zeros.
  if (Array.isArray(value)) return /^(?:0|[1-9]\d{0,8})$/.test(step) ? value[Number(step)] : undefined
  return isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined
}

const isMap = (value: Json): value is { [key: string]: Json } => typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value)
