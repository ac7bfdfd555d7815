/** Templates of header values: text with `{attribute}` in it, each put in as it is or in an encoding that a header can carry. */

/** How to put a value into a header, by name: what `{user|url}` and the like may say. */
const ENCODINGS = {
  /** Percent-encoded UTF-8 (RFC 3986), as `encodeURIComponent` does it. */
  url: (value: string) => encodeURIComponent(value),
  base64: (value: string) => Buffer.from(value).toString('base64'),
  base64url: (value: string) => Buffer.from(value).toString('base64url'),
  /** The bytes of UTF-8 as they are: not what RFC 9110 5.5 recommends, but what many apps read. */
  utf8: (value: string) => Buffer.from(value).toString('latin1'),
  /** An extended value (RFC 8187 3.2): `UTF-8''%C3%A4`. */
  rfc8187: (value: string) => `UTF-8''${encodeURIComponent(value).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)}`,
} as const

export type Encoding = keyof typeof ENCODINGS

export const TEMPLATE_ENCODINGS = Object.keys(ENCODINGS) as readonly Encoding[]

type Part = string | { readonly attribute: string; readonly encoding: Encoding | undefined }

export interface HeaderTemplate {
  /** The attributes that it names, each once. */
  readonly attributes: readonly string[]
  /**
   * The header's value, in Latin-1. `missing`: an attribute is not there, or empty, and so is the header. `refused`: a value cannot
   * stand in a header as it is (control characters, characters beyond Latin-1, space at an end, which would be lost on the way).
   */
  render(valueOf: (attribute: string) => string | undefined): Rendered
}

export type Rendered = { readonly state: 'value'; readonly value: string } | { readonly state: 'missing' } | { readonly state: 'refused' }

export type TemplateFlaw = { readonly flaw: 'brace' | 'encoding' | 'name' | 'constant' | 'value'; readonly word?: string }

/** Reads `Bearer {token}`; `{{` and `}}` stand for the braces themselves. */
export function parseHeaderTemplate(text: string): HeaderTemplate | TemplateFlaw {
  const parts: Part[] = []
  let plain = ''
  for (const [piece, doubled, expression] of text.matchAll(/(\{\{|\}\})|\{([^{}]*)\}|[^{}]+|[{}]/g)) {
    if (doubled !== undefined) plain += doubled[0]
    else if (expression === undefined) {
      if (piece === '{' || piece === '}') return { flaw: 'brace' }
      plain += piece
    } else {
      const part = parseExpression(expression)
      if ('flaw' in part) return part
      if (plain !== '') parts.push(plain)
      plain = ''
      parts.push(part)
    }
  }
  if (plain !== '') parts.push(plain)
  if (parts.some((part) => typeof part === 'string' && !isFieldValue(part))) return { flaw: 'value' }
  const attributes = new Set(parts.flatMap((part) => (typeof part === 'string' ? [] : [part.attribute])))
  if (attributes.size === 0) return { flaw: 'constant' }
  return { attributes: [...attributes], render: (valueOf) => render(parts, valueOf) }
}

function parseExpression(text: string): Exclude<Part, string> | TemplateFlaw {
  const [attribute = '', encoding, ...more] = text.split('|').map((word) => word.trim())
  if (attribute === '' || more.length > 0) return { flaw: 'name', word: text }
  if (encoding === undefined) return { attribute, encoding }
  const known = TEMPLATE_ENCODINGS.find((name) => name === encoding)
  return known === undefined ? { flaw: 'encoding', word: encoding } : { attribute, encoding: known }
}

function render(parts: readonly Part[], valueOf: (attribute: string) => string | undefined): Rendered {
  let value = ''
  for (const part of parts) {
    if (typeof part === 'string') {
      value += part
      continue
    }
    const given = valueOf(part.attribute)
    if (given === undefined || given === '') return { state: 'missing' }
    try {
      value += part.encoding === undefined ? given : ENCODINGS[part.encoding](given)
    } catch {
      // Half of a surrogate pair has no place in UTF-8.
      return { state: 'refused' }
    }
  }
  return isFieldValue(value) && value.trim() === value ? { state: 'value', value } : { state: 'refused' }
}

/** RFC 9110 5.5: visible characters, space, tab, and the upper half of Latin-1. */
export const isFieldValue = (text: string): boolean => /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(text)

/** What a header's value, in Latin-1 as it came, says: UTF-8 where it is that, as most apps write it, else Latin-1. */
export function fieldText(value: string): string {
  // eslint-disable-next-line no-control-regex
  if (/^[\u0000-\u007f]*$/.test(value)) return value
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, 'latin1'))
  } catch {
    // Not UTF-8, so what RFC 9110 5.5 says it once was.
    return value
  }
}
