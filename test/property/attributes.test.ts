/** What the headers carrier reads of clients and apps: whatever is sent, it reads what was meant, or nothing. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BodyBytes } from '../../src/carrier/headers/body-bytes.ts'
import { decodeAttributes, encodeAttributes, type Format } from '../../src/carrier/headers/formats.ts'
import { headersFor } from '../../src/carrier/headers/response-body.ts'
import { multipartFields, urlencodedFields } from '../../src/http/forms.ts'
import { isFieldValue, parseHeaderTemplate, TEMPLATE_ENCODINGS } from '../../src/http/header-template.ts'
import { formatJson, type Json, parseJson, parseUnambiguousJson } from '../../src/http/json.ts'
import { parseJsonPointer, removeAt, valueAt } from '../../src/http/json-pointer.ts'
import { parseMessagePart } from '../../src/http/message-part.ts'
import { parserCases } from '../support/cases.ts'

const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: fc.constantFrom(...Array.from('a=&;%+?{}"\\|~/.\r\n\0 \u20ac')) }), fc.string({ unit: 'binary' }).map((any) => any.toWellFormed()))
const name = text.filter((any) => any !== '')
const latin = fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 60 })
const format = fc.constantFrom<Format>('form', 'json', 'base64json')
const attributes = fc.uniqueArray(fc.tuple(name, text), { selector: ([key]) => key, maxLength: 6 })

describe('attributes in one header', () => {
  it('come back as they were, and can stand in a header on the way', () => {
    fc.assert(fc.property(format, attributes, (as, all) => {
      const header = encodeAttributes(as, all)
      expect(/^[ -~]*$/.test(header)).toBe(true)
      expect(new Map(decodeAttributes(as, header))).toEqual(new Map(all))
    }), parserCases())
  })

  it('are texts, or none at all, whatever an app says', () => {
    fc.assert(fc.property(format, latin, (as, header) => {
      for (const pair of decodeAttributes(as, header) ?? []) expect(pair.map((one) => typeof one)).toEqual(['string', 'string'])
    }), parserCases())
  })
})

describe('a template', () => {
  const piece = fc.oneof(latin, fc.tuple(fc.constantFrom('a', 'b', 'none'), fc.constantFrom('', ...TEMPLATE_ENCODINGS.map((encoding) => `|${encoding}`))).map(([attribute, encoding]) => `{${attribute}${encoding}}`))
  const template = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))

  it('gives nothing but a header\'s value that arrives as it was sent, whatever is put in', () => {
    fc.assert(fc.property(template, text, text, (source, a, b) => {
      const parsed = parseHeaderTemplate(source)
      if ('flaw' in parsed) return
      const rendered = parsed.render((attribute) => ({ a, b })[attribute])
      if (rendered.state !== 'value') return
      expect(isFieldValue(rendered.value)).toBe(true)
      expect(rendered.value).toBe(rendered.value.trim())
      expect(/[\r\n\0]/.test(rendered.value)).toBe(false)
    }), parserCases())
  })

  it('carries any text in the encodings that are made for it', () => {
    const decode: Record<string, (value: string) => string> = {
      url: decodeURIComponent, base64: (value) => Buffer.from(value, 'base64').toString(), base64url: (value) => Buffer.from(value, 'base64url').toString(), rfc8187: (value) => decodeURIComponent(value.replace(/^UTF-8''/, '')),
    }
    fc.assert(fc.property(name, fc.constantFrom(...Object.keys(decode)), (value, encoding) => {
      const parsed = parseHeaderTemplate(`{a|${encoding}}`)
      if ('flaw' in parsed) throw new Error(parsed.flaw)
      const rendered = parsed.render(() => value)
      expect(rendered.state === 'value' ? decode[encoding]?.(rendered.value) : rendered.state).toBe(value)
    }), parserCases())
  })

  it('is one, or is told why it is none', () => {
    fc.assert(fc.property(text, (source) => { parseHeaderTemplate(source) }), parserCases())
  })
})

describe('a form', () => {
  it('tells what was put in', () => {
    const field = fc.stringMatching(/^[a-z]{1,8}$/)
    fc.assert(fc.property(fc.uniqueArray(fc.tuple(field, text), { selector: ([key]) => key, minLength: 1, maxLength: 5 }), (pairs) => {
      const fields = urlencodedFields(new URLSearchParams(Array.from(pairs, ([key, value]): [string, string] => [key, value])).toString())
      for (const [key, value] of pairs) expect(fields.valueOf(key)).toBe(value)
    }), parserCases())
  })

  it('tells nothing but what the WHATWG\'s parser, which has no doubts, would', () => {
    const messy = fc.array(fc.constantFrom('user', 'User', 'us%65r', '=', '=', '&', '&', ';', '+', '%', '%00', '[', ']', 'admin', '%C3%A4', '"', '\u00e4'), { maxLength: 20 }).map((pieces) => pieces.join(''))
    fc.assert(fc.property(messy, (body) => {
      const value = urlencodedFields(body).valueOf('user')
      if (value === undefined) return
      const escaped = body.replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
      const params = new URLSearchParams(`&${escaped}`)
      expect(params.getAll('user')).toEqual([value])
      // And once only where `;` separates, too.
      expect(body.split(/[&;]/).filter((pair) => new URLSearchParams(`&${pair}`).has('user'))).toHaveLength(1)
    }), parserCases())
  })

  it('of several parts is read, or not at all', async () => {
    const line = fc.constantFrom('--X', '--X--', 'Content-Disposition: form-data; name="user"', 'content-disposition: form-data; name=user', 'Content-Disposition: form-data; name="user"; filename="f"', 'name="user"', '', 'admin', 'Content-Type: text/plain')
    await fc.assert(fc.asyncProperty(fc.array(line, { maxLength: 14 }), fc.constantFrom('\r\n', '\n', '\r'), async (lines, end) => {
      const value = (await multipartFields(Buffer.from(lines.join(end)), 'multipart/form-data; boundary=X'))?.valueOf('user')
      if (value !== undefined) expect(lines.filter((one) => /^content-disposition/i.test(one))).toHaveLength(1)
    }), parserCases(500))
  })
})

describe('JSON', () => {
  const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
  const pathsOf = (value: Json): string[][] => (typeof value === 'object' && value !== null ? Object.entries(value).flatMap(([key, child]: [string, Json]) => [[key], ...pathsOf(child).map((rest) => [key, ...rest])]) : [])
  const pointerTo = (steps: readonly string[]): string => steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

  it('comes out as it came in', () => {
    fc.assert(fc.property(json, (value) => {
      const bytes = Buffer.from(JSON.stringify(value))
      const parsed = parseJson(bytes)
      if (parsed === undefined) throw new Error('not read')
      expect(formatJson(parsed).toString()).toBe(bytes.toString())
      expect(parseUnambiguousJson(bytes)).toEqual(JSON.parse(bytes.toString()))
    }), parserCases())
  })

  it('has what each pointer names, and not any more when that is taken out', () => {
    fc.assert(fc.property(json, fc.nat(), (value, pick) => {
      const paths = pathsOf(value)
      const steps = paths[pick % Math.max(1, paths.length)]
      if (steps === undefined) return
      const pointer = parseJsonPointer(pointerTo(steps))
      expect(pointer).toEqual(steps)
      const document = parseJson(Buffer.from(JSON.stringify(value)))
      if (pointer === undefined || document === undefined) throw new Error('not read')
      const expected = steps.reduce<Json | undefined>((at, step) => (at as { [key: string]: Json } | undefined)?.[step], JSON.parse(JSON.stringify(value)) as Json)
      expect(JSON.stringify(valueAt(document, pointer))).toBe(JSON.stringify(expected))
      expect(removeAt(document, pointer)).toBe(true)
      expect(valueAt(document, pointer) ?? null).toBeNull()
      expect(parseJson(formatJson(document))).toBeDefined()
    }), parserCases())
  })

  it('is read or not, and a pointer or a source is one or none, whatever is sent', () => {
    fc.assert(fc.property(text, (any) => {
      parseJson(Buffer.from(any))
      parseUnambiguousJson(Buffer.from(any))
      const pointer = parseJsonPointer(any)
      if (pointer !== undefined) expect(pointerTo(pointer)).toBe(any)
      parseMessagePart(any)
    }), parserCases())
  })
})

it('any body is copied whole, in whatever pieces it comes, or not at all when it is too large', () => {
  fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 }), fc.integer({ min: 1, max: 200 }), (pieces, most) => {
    const copy = new BodyBytes(most)
    for (const piece of pieces) copy.add(Buffer.from(piece))
    copy.end()
    const whole = Buffer.concat(pieces)
    expect(copy.body).toEqual(whole.length > most ? 'too_large' : whole)
  }), parserCases())
})

it('any head fits the body that it is given', () => {
  const field = fc.constantFrom('Content-Length', 'content-length', 'ETag', 'Content-Encoding', 'Digest', 'X-A', 'Content-Type', 'TRAILER')
  fc.assert(fc.property(fc.array(fc.tuple(field, fc.constantFrom('1', '"v"', 'W/"v"', 'gzip', 'x')), { maxLength: 8 }), fc.nat(), (pairs, length) => {
    const headers = headersFor(pairs.flat(), length)
    const values = (wanted: string): string[] => headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === wanted)
    expect(values('content-length')).toEqual([String(length)])
    expect([values('content-encoding'), values('digest'), values('trailer')]).toEqual([[], [], []])
    expect(values('etag').filter((tag) => tag.startsWith('"'))).toEqual([])
    expect(values('x-a')).toEqual(pairs.filter(([key]) => key === 'X-A').map(([, value]) => value))
  }), parserCases())
})
