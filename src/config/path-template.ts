/** Where an app keeps the file of a session: a path with the id in it, plain or hashed. */
import { createHash } from 'node:crypto'
import { UnstickError } from '../errors.ts'
import { wrong, type Flaw } from './parsed.ts'

export const PATH_EXPRESSIONS = "{id} {md5('prefix' + id)} {sha1('prefix' + id)}"

type Part = { readonly literal: string } | { readonly hash: 'md5' | 'sha1' | undefined; readonly before: string; readonly after: string }

export type PathTemplate = { readonly ok: true; readonly render: (id: string) => string }

/**
 * Reads `/dir/sess_{id}`, `/dir/{md5('session:' + id)}`, `/dir/{sha1(id)}.json`. Hashes are of UTF-8, in lower-case hex.
 * `render` throws `bad_request` for an id that would leave its place in the path; hashed ids may be anything.
 */
export function parsePathTemplate(text: string): PathTemplate | Flaw {
  if (!text.startsWith('/')) return wrong('is not an absolute path')
  if (text.endsWith('/')) return wrong('is a folder, not a file')
  if (text.includes('\0')) return wrong('has a NUL in it')
  const parts: Part[] = []
  let at = 0
  while (at < text.length) {
    const open = text.indexOf('{', at)
    const literal = text.slice(at, open === -1 ? text.length : open)
    if (literal.includes('}')) return wrong('has a } without its {', { allowed: PATH_EXPRESSIONS })
    if (literal.includes('/') && parts.some((part) => !('literal' in part))) return wrong("has the id in the name of a folder, and it may stand in the file's name only")
    if (literal !== '') parts.push({ literal })
    if (open === -1) break
    const close = text.indexOf('}', open)
    if (close === -1) return wrong('has a { without its }', { allowed: PATH_EXPRESSIONS })
    const part = parseExpression(text.slice(open + 1, close))
    if (part === undefined) return wrong('has an expression that unstick does not know', { allowed: PATH_EXPRESSIONS })
    parts.push(part)
    at = close + 1
  }
  if (parts.every((part) => 'literal' in part)) return wrong('has no {id}, so all sessions would share one file', { allowed: PATH_EXPRESSIONS })
  return { ok: true, render: (id) => render(parts, id) }
}

function parseExpression(text: string): Part | undefined {
  if (text === 'id') return { hash: undefined, before: '', after: '' }
  const match = /^(md5|sha1)\(\s*(?:'([^']*)'\s*\+\s*)?id(?:\s*\+\s*'([^']*)')?\s*\)$/.exec(text)
  if (match === null) return undefined
  return { hash: match[1] as 'md5' | 'sha1', before: match[2] ?? '', after: match[3] ?? '' }
}

function render(parts: readonly Part[], id: string): string {
  let path = ''
  for (const part of parts) {
    if ('literal' in part) path += part.literal
    else if (part.hash === undefined) path += inPlace(id)
    else path += createHash(part.hash).update(part.before + id + part.after).digest('hex')
  }
  return path
}

/** Callers check ids against a stricter pattern; this is the last line, so that no mistake there becomes a path elsewhere. */
function inPlace(id: string): string {
  if (/^\.*$|[/\0]/.test(id)) throw new UnstickError('bad_request', 'a session id cannot be part of a file name')
  return id
}
