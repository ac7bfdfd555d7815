/** Where captured values come from: the heads of a request and its response, and their bodies once they are read. */
import { decodeBody } from '../../http/content-coding.ts'
import { type Fields, fieldsOf, multipartFields, urlencodedFields } from '../../http/forms.ts'
import { foldHeaderName } from '../../http/header-names.ts'
import { fieldText } from '../../http/header-template.ts'
import { type Json, jsonText, mayBeJson, parseJson, parseUnambiguousJson } from '../../http/json.ts'
import { onlyValueAt, valueAt } from '../../http/json-pointer.ts'
import type { RawHeaders, RequestHead } from '../../http/message.ts'
import type { MessagePart } from '../../http/message-part.ts'
import type { BodyBytes } from './body-bytes.ts'

/** Why a body cannot be read. `other`: it is of a kind that nothing is to be learned from, which is no flaw: a page instead of JSON. */
export type Unread = 'too_large' | 'malformed' | 'unfinished' | 'other'

export interface Sources {
  readonly request: RequestHead
  /** Of the response, as they came. */
  readonly headers: RawHeaders
  readonly requestBody?: { readonly fields: Fields } | { readonly json: Json } | Unread
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
    // Some servers read query and form as one: what is in both, or might be, is not told by either.
    case 'query': return isForm(request) ? undefined : queryOf(request).valueOf(part.name)
    case 'cookie': return fieldsOf(request.cookies.map(({ name, value }) => [name, fieldText(value)])).valueOf(part.name)
    case 'form': return typeof requestBody === 'object' && 'fields' in requestBody && !queryOf(request).mayHave(part.name) ? requestBody.fields.valueOf(part.name) : undefined
    case 'request.json': return typeof requestBody === 'object' && 'json' in requestBody && !queryOf(request).mayHave(part.pointer[0] ?? '') ? jsonText(onlyValueAt(requestBody.json, part.pointer)) : undefined
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

const queryOf = ({ target, path }: RequestHead): Fields => urlencodedFields(target.slice(path.length + 1))

const UTF8 = /^(?:utf-?8|us-ascii)$/i
const URLENCODED = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data'

const mediaType = (contentType: string): string => (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()

const isForm = ({ headers }: RequestHead): boolean => [URLENCODED, MULTIPART].includes(mediaType(headerOf(headers, 'content-type') ?? ''))

/** A body of a request: a form, or JSON. */
export async function readRequestBody(copy: BodyBytes | undefined, { headers }: RequestHead, maxBytes: number): Promise<Exclude<Sources['requestBody'], undefined>> {
  const body = copy === undefined ? 'none' : copy.body
  if (body === 'none') return 'other'
  if (typeof body === 'string') return body
  const contentType = onlyHeaderOf(headers, 'content-type') ?? ''
  const type = mediaType(contentType)
  const form = type === URLENCODED || type === MULTIPART
  if (!form && (type === '' || !mayBeJson(contentType))) return 'other'
  // Another charset is another text to the app.
  const [, charset = 'utf-8'] = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(contentType) ?? []
  if (!UTF8.test(charset)) return 'malformed'
  const decoded = await decodeBody(body, onlyHeaderOf(headers, 'content-encoding'), maxBytes)
  if (decoded.state !== 'decoded') return decoded.state === 'unknown' ? 'malformed' : decoded.state
  if (type === URLENCODED) return { fields: urlencodedFields(decoded.body.toString('latin1')) }
  if (form) {
    const fields = await multipartFields(decoded.body, contentType)
    return fields === undefined ? 'malformed' : { fields }
  }
  const json = parseUnambiguousJson(decoded.body)
  return json === undefined ? 'malformed' : { json }
}

/** The body of a response, whole, as JSON. */
export async function readResponseJson(body: readonly Buffer[], headers: RawHeaders, maxBytes: number): Promise<{ readonly json: Json } | Unread> {
  const decoded = await decodeBody(Buffer.concat(body), headerOf(headers, 'content-encoding'), maxBytes)
  if (decoded.state !== 'decoded') return decoded.state === 'unknown' ? 'malformed' : decoded.state
  const json = parseJson(decoded.body)
  return json === undefined ? 'malformed' : { json }
}
