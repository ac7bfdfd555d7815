/** Where in a request or its response a value is: `form.username`, `json./access_token`, `header.X-Role`. */
import { type JsonPointer, parseJsonPointer } from './json-pointer.ts'

export type MessagePart =
  /** A field of the request's form, urlencoded or multipart. */
  | { readonly of: 'form'; readonly name: string }
  /** A parameter of the request target's query. */
  | { readonly of: 'query'; readonly name: string }
  /** A cookie of the request, as the app gets it. */
  | { readonly of: 'cookie'; readonly name: string }
  | { readonly of: 'request.header'; readonly name: string }
  | { readonly of: 'request.json'; readonly pointer: JsonPointer }
  /** A header of the response. */
  | { readonly of: 'header'; readonly name: string }
  /** A value in the JSON of the response. */
  | { readonly of: 'json'; readonly pointer: JsonPointer }

export const MESSAGE_PARTS = ['form.NAME', 'json./POINTER', 'header.NAME', 'request.json./POINTER', 'request.header.NAME', 'cookie.NAME', 'query.NAME'] as const

const FIELD_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

export const isFieldName = (text: string): boolean => FIELD_NAME.test(text)

/** undefined: none of them. */
export function parseMessagePart(text: string): MessagePart | undefined {
  const [, of, name = ''] = /^(form|query|cookie|header|json|request\.header|request\.json)\.(.+)$/s.exec(text) ?? []
  switch (of) {
    case 'form':
    case 'query':
    case 'cookie':
      return { of, name }
    case 'header':
    case 'request.header':
      return isFieldName(name) ? { of, name } : undefined
    case 'json':
    case 'request.json': {
      const pointer = parseJsonPointer(name)
      return pointer === undefined ? undefined : { of, pointer }
    }
    default:
      return undefined
  }
}
