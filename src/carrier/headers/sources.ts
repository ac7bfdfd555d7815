/** Where captured values come from: the heads of a request and its response, and their bodies once they are read. */
import { decodeBody } from '../../http/content-coding.ts'
import { type Fields, multipartFields, urlencodedFields } from '../../http/forms.ts'
import { foldHeaderName } from '../../http/header-names.ts'
import { fieldText } from '../../http/header-template.ts'
import { type Json, jsonText, mayBeJson, parseJson } from '../../http/json.ts'
import { valueAt } from '../../http/json-pointer.ts'
import type { RawHeaders, RequestHead } from '../../http/message.ts'
import type { MessagePart } from '../../http/message-part.ts'
import type { BodyBytes } from './body-bytes.ts'

/** Why a body cannot be read. `other`: it is of a kind that nothing is to be learned from, which is no flaw: a page instead of JSON. */
export type Unread = 'too_large' | 'malformed' | 'unfinished' | 'other'

export interface Sources {
  readonly request: RequestHead
  /** Of the response, as they came. */
  readonly headers: RawHeaders
  readonly requestBody?: Fields | { readonly json: Json } | Unread
  readonly json?: { readonly json: Json } | Unread
}

/** undefined: it is not there, or empty, or some app might read another value than we do. */
export function valueOf(part: MessagePart, sources: Sources): string | undefined {
  const value = find(part, sources)
  return value === '' ? undefined : value?.toWellFormed()
}

function find(part: MessagePart, { request, headers, requestBody, json }: Sources): string | undefined {
  switch (part.of) {
    case 'header': return headerOf(headers, part.name)
    case 'request.header': return onlyHeaderOf(request.headers, part.name)
    case 'query': return urlencodedFields(request.target.slice(request.path.length + 1)).valueOf(part.name)
    case 'cookie': {
      const found = request.cookies.filter(({ name }) => name === part.name)
      return found.length === 1 ? fieldText(found[0]?.value ?? '') : undefined
    }
    case 'form': return typeof requestBody === 'object' && 'valueOf' in requestBody && !('json' in requestBody) ? requestBody.valueOf(part.name) : undefined
    case 'request.json': return typeof requestBody === 'object' && 'json' in requestBody ? jsonText(valueAt(requestBody.json, part.pointer)) : undefined
    case 'json': return typeof json === 'object' ? jsonText(valueAt(json.json, part.pointer)) : undefined
  }
}

/** Of a response: several are one list (RFC 9110 5.3). */
export function headerOf(headers: RawHeaders, name: string): string | undefined {
  const lower = name.toLowerCase()
  const found = headers.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === lower)
  return found.length === 0 ? undefined : fieldText(found.join(', '))
}

/** Of a request: clients may send another in a spelling that the app folds into the same. */
function onlyHeaderOf(headers: RawHeaders, name: string): string | undefined {
  const folded = foldHeaderName(name)
  const found = headers.filter((_, i, all) => i % 2 === 1 && foldHeaderName(all[i - 1] ?? '') === folded)
  return found.length === 1 ? fieldText(found[0] ?? '') : undefined
}

const UTF8 = /^(?:utf-?8|us-ascii)$/i

/** A body of a request: a form, or JSON. */
export async function readRequestBody(copy: BodyBytes | undefined, { headers }: RequestHead, maxBytes: number): Promise<Sources['requestBody']> {
  const body = copy === undefined ? 'none' : copy.body
  if (body === 'none') return 'other'
  if (typeof body === 'string') return body
  const type = onlyHeaderOf(headers, 'content-type') ?? ''
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type) ?? []
  const kind = (type.split(';', 1)[0] ?? '').trim().toLowerCase()
  const isForm = kind === 'application/x-www-form-urlencoded' || kind === 'multipart/form-data'
  if (!isForm && (type === '' || !mayBeJson(type))) return 'other'
  // Another charset is another text to the app.
  if (!UTF8.test(charset)) return 'malformed'
  const decoded = await decodeBody(body, onlyHeaderOf(headers, 'content-encoding'), maxBytes)
  if (decoded.state !== 'decoded') return decoded.state === 'unknown' ? 'malformed' : decoded.state
  if (kind === 'application/x-www-form-urlencoded') return urlencodedFields(decoded.body.toString('latin1'))
  if (isForm) return (await multipartFields(decoded.body, type)) ?? 'malformed'
  const json = parseJson(decoded.body)
  return json === undefined ? 'malformed' : { json }
}

/** The body of a response, whole, as JSON. */
export async function readResponseJson(body: readonly Buffer[], headers: RawHeaders, maxBytes: number): Promise<{ readonly json: Json } | Unread> {
  const decoded = await decodeBody(Buffer.concat(body), headerOf(headers, 'content-encoding'), maxBytes)
  if (decoded.state !== 'decoded') return decoded.state === 'unknown' ? 'malformed' : decoded.state
  const json = parseJson(decoded.body)
  return json === undefined ? 'malformed' : { json }
}
