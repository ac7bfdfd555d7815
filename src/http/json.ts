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

/** Of UTF-8, with or without a byte order mark. undefined: not JSON, or nested too deeply to be read. */
export function parseJson(bytes: Uint8Array): Json | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return JSON.parse(text, (_, value, { source }) => (typeof value === 'number' && source !== undefined && String(value) !== source ? JSON.rawJSON(source) : value)) as Json
  } catch {
    // Malformed, or the stack ran out: whoever asks passes the bytes on as they are.
    return undefined
  }
}

/** Whether a map in this text, of which `value` was read, has a key twice: parsers differ in which one counts. */
export function hasKeyTwice(bytes: Uint8Array, value: Json): boolean {
  let keys = 0
  // In JSON, which it is, a text before a colon is a key.
  for (const [, colon] of Buffer.from(bytes).toString().matchAll(/"(?:[^"\\]+|\\.)*"\s*(:)?/g)) if (colon !== undefined) keys += 1
  return keys !== countKeys(value)
}

function countKeys(value: Json): number {
  if (typeof value !== 'object' || value === null || JSON.isRawJSON(value)) return 0
  const children = Object.values(value)
  return (Array.isArray(value) ? 0 : children.length) + children.reduce<number>((sum, child) => sum + countKeys(child), 0)
}

/** Compact, in UTF-8. Of a key that stood there twice only the last is left, which is the one that was read. */
export function formatJson(value: Json): Buffer {
  return Buffer.from(JSON.stringify(value))
}

/** A value as an attribute: text as it is, numbers and booleans by their JSON, lists and maps too. undefined: null, or nothing. */
export function jsonText(value: Json | undefined): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Whether a media type is one that JSON comes under; some servers say `text/plain` or nothing. Streams of events are never read to their end. */
export function mayBeJson(contentType: string | undefined): boolean {
  if (contentType === undefined) return true
  const type = (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()
  return type === '' || /^[^/]+\/(?:[^/]+\+)?json$/.test(type) || type === 'text/plain' || type === 'text/javascript' || type === 'application/javascript'
}
