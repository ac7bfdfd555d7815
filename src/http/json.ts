/** JSON that keeps what it does not understand: a number that a double cannot hold comes out as it came in. */

/** A number by its digits, as `JSON.rawJSON` makes it. */
interface RawNumber { readonly rawJSON: string }

declare global {
  /** TC39's "JSON.parse source text access", in every Node that unstick runs on; TypeScript's library does not have it yet. */
  interface JSON {
    parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
    rawJSON(text: string): RawNumber
    isRawJSON(value: unknown): value is RawNumber
  }
}

export type Json = string | number | boolean | null | RawNumber | Json[] | { [key: string]: Json }

/**
 * Of UTF-8 or UTF-16, with or without a byte order mark. undefined: not JSON, or nested too deeply to be read. For what an app sends: looking at each number
 * takes up to half a second for a megabyte of nothing else.
 */
export function parseJson(bytes: Uint8Array): Json | undefined {
  try {
    const text = new TextDecoder(encodingOf(bytes), { fatal: true }).decode(bytes)
    return JSON.parse(text, (_, value, { source }) => (typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value)) as Json
  } catch {
    // Malformed, or the stack ran out: whoever asks passes the bytes on as they are.
    return undefined
  }
}

/** By its first bytes, as RFC 4627 3 had it: JSON begins with ASCII, and has no zero bytes in UTF-8. */
function encodingOf([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (first === 0 || (first === 0xfe && second === 0xff)) return 'utf-16be'
  return second === 0 || (first === 0xff && second === 0xfe) ? 'utf-16le' : 'utf-8'
}

/**
 * The same, of UTF-8 only, for what a client sends: with what parsers differ about, it is none. undefined also where a map has a key twice, of which one parser takes the
 * first and another the last. In time that grows with its length, whatever it holds; numbers are doubles.
 */
export function parseUnambiguousJson(bytes: Uint8Array): Json | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    const json = JSON.parse(text) as Json
    return keysIn(text) === countKeys(json) ? json : undefined
  } catch {
    // Malformed: whatever the app makes of it, nothing is learned from it.
    return undefined
  }
}

/** In JSON, a text before a colon is a key. */
function keysIn(text: string): number {
  let keys = 0
  for (const [, colon] of text.matchAll(/"(?:[^"\\]+|\\.)*"\s*(:)?/g)) if (colon !== undefined) keys += 1
  return keys
}

/** Without recursion, which a client could make as deep as it likes. */
function countKeys(json: Json): number {
  let keys = 0
  const rest: Json[] = [json]
  for (let value = rest.pop(); value !== undefined; value = rest.pop()) {
    if (typeof value !== 'object' || value === null) continue
    if (!Array.isArray(value)) keys += Object.keys(value).length
    for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) rest.push(child as Json)
  }
  return keys
}

/** Compact, in UTF-8. Of a key that stood there twice only the last is left, which is the one that was read. */
export function formatJson(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** A value as an attribute: text as it is, numbers and booleans by their JSON, lists and maps too. undefined: null, nothing, or nested too deeply. */
export function jsonText(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'string') return value
  try {
    return JSON.stringify(value)
  } catch {
    // The stack ran out.
    return undefined
  }
}

/** Whether a media type is one that JSON comes under; some servers say `text/plain` or nothing. Streams of events are never read to their end. */
export function mayBeJson(contentType: string | undefined): boolean {
  if (contentType === undefined) return true
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  return type === '' || /^[^/]+\/(?:[^/]+\+)?json$/.test(type) || type === 'text/plain' || type === 'text/javascript' || type === 'application/javascript'
}
