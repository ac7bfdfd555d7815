/** Attributes as one header's value: what `send` writes and what an app answers. */
import { fieldText } from '../../http/header-template.ts'
import { type Json, jsonText, parseJson } from '../../http/json.ts'

/** `form`: `key=value&key=value`, urlencoded, as Apache's mod_session has it. `json`: a map of texts. `base64json`: that in base64. */
export type Format = 'form' | 'json' | 'base64json'

/** ASCII, whatever the attributes hold. */
export function encodeAttributes(format: Format, attributes: readonly (readonly [string, string])[]): string {
  switch (format) {
    case 'form': return new URLSearchParams(Array.from(attributes, ([name, value]): [string, string] => [name, value])).toString()
    case 'json': return asciiJson(attributes)
    case 'base64json': return Buffer.from(asciiJson(attributes)).toString('base64')
  }
}

const asciiJson = (attributes: readonly (readonly [string, string])[]): string =>
  JSON.stringify(Object.fromEntries(attributes)).replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** In the order in which they stand; `value` empty for what is to go. `text` in Latin-1, as it came. undefined: it is not in this format. */
export function decodeAttributes(format: Format, text: string): [string, string][] | undefined {
  switch (format) {
    // A "?" in front would be taken for that of a URL.
    case 'form': return [...new URLSearchParams(`&${fieldText(text)}`)]
    case 'json': return fromJson(parseJson(Buffer.from(text, 'latin1')))
    case 'base64json': return /^[A-Za-z0-9+/_-]*={0,2}$/.test(text) ? fromJson(parseJson(Buffer.from(text, 'base64'))) : undefined
  }
}

function fromJson(json: Json | undefined): [string, string][] | undefined {
  if (typeof json !== 'object' || json === null || Array.isArray(json) || JSON.isRawJSON(json)) return undefined
  return Object.entries(json).map(([name, value]) => [name, jsonText(value) ?? ''])
}
