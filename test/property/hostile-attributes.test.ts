/** What apps say in headers, and what clients and apps say in bodies that rules look into: any of it is understood, or nothing is learned from it. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AttributeChanges } from '../../src/carrier/headers/attributes.ts'
import { decodeAttributes, encodeAttributes } from '../../src/carrier/headers/formats.ts'
import { injectAttributes } from '../../src/carrier/headers/injection.ts'
import { Reception } from '../../src/carrier/headers/reception.ts'
import { decodeBody } from '../../src/http/content-coding.ts'
import { multipartFields, urlencodedFields } from '../../src/http/forms.ts'
import { isFieldValue, parseHeaderTemplate } from '../../src/http/header-template.ts'
import { formatJson, parseJson } from '../../src/http/json.ts'
import { parseJsonPointer, removeAt, valueAt } from '../../src/http/json-pointer.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { parserCases, sessionCases } from '../support/cases.ts'

const format = fc.constantFrom('form' as const, 'json' as const, 'base64json' as const)
const latin = fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 20 })
const piece = fc.constantFrom('user', 'role', '=', '&', ';', '+', '%', '%00', '%0d%0a', '%c3%28', '{', '}', '"', ':', ',', '[', ']', '\\', 'null', '1e999', '__proto__', 'eyJhIjoiYiJ9', '=', '\u00ff', ' ', '1')
const said = fc.oneof({ weight: 3, arbitrary: fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join('')) }, { weight: 1, arbitrary: latin }, { weight: 1, arbitrary: fc.json({ maxDepth: 3 }) })
const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 12 }).filter((value) => value.isWellFormed())
const view = (entries: ReadonlyMap<string, string>) => ({ id: 'AAAAAAAAAAAAAAAAAAAAAA', entries: new Map([...entries].map(([name, value]) => [`attribute:${name}`, { value: Buffer.from(value), expiresAt: undefined }])), now: () => 1 })

describe('attributes', () => {
  it('read as they were written, in every format, and are ASCII on the way', () => {
    fc.assert(fc.property(format, fc.uniqueArray(fc.tuple(text, text), { selector: ([name]) => name, maxLength: 4 }), (as, attributes) => {
      const header = encodeAttributes(as, attributes)
      expect(header).toMatch(/^[\u0020-\u007e]*$/)
      expect(new Map(decodeAttributes(as, header))).toEqual(new Map(attributes))
    }), parserCases())
  })

  it('of any response are set under names that can be, or left out', () => {
    const names = { set: 'X-Session-Set', replace: 'X-Session-Replace', subject: 'X-Session-Subject', renew: 'X-Session-Renew', destroy: 'X-Session-Destroy' }
    fc.assert(fc.property(format, fc.array(fc.tuple(fc.constantFrom(...Object.values(names), 'x_session_set', 'X-Other'), said), { maxLength: 4 }), (as, headers) => {
      const changes = new AttributeChanges(view(new Map([['kept', '1']])))
      new Reception(names, as, () => undefined).apply(headers.flat(), changes)
      const { set, remove, subject } = changes.changes()
      for (const [name, entry] of set) {
        expect(name).toMatch(/^attribute:./s)
        expect(name.length).toBeLessThanOrEqual(512)
        expect(remove.has(name)).toBe(false)
        expect(entry.value.length).toBeGreaterThan(0)
      }
      expect(subject === undefined || subject === null || typeof subject === 'string').toBe(true)
    }), parserCases())
  })

  it('of any kind put no header before the app but their own, and no line end into it', () => {
    const templates = ['Bearer {a}', '{a|url};{b|utf8}', '{a|base64}{b|rfc8187}', '{b}'].map((source) => parseHeaderTemplate(source)).filter((template) => 'render' in template)
    fc.assert(fc.property(format, text, text, (as, a, b) => {
      const request: RequestHead = { method: 'GET', target: '/', path: '/', host: 'a', secure: true, headers: [], cookies: [], dropped: [] }
      injectAttributes({ send: 'X-Session', format: as, id: 'X-Session-Id', inject: templates.map((template, i) => ({ name: `X-T${i}`, template })), maxBytes: 100_000, onRefused: () => undefined }, view(new Map([['a', a], ['b', b]])), request)
      for (const [i, value] of request.headers.entries()) expect(i % 2 === 0 ? /^X-(Session|Session-Id|T\d)$/.test(value) : isFieldValue(value)).toBe(true)
    }), parserCases())
  })
})

describe('any body', () => {
  it('read as a form tells a field once, or not at all', () => {
    fc.assert(fc.property(said, fc.constantFrom('user', 'role', '1'), (body, name) => {
      const fields = urlencodedFields(body)
      const value = fields.valueOf(name)
      if (value === undefined) return
      expect(fields.mayHave(name)).toBe(true)
      expect(new URLSearchParams(`&${Buffer.from(body, 'latin1').toString('latin1')}`).getAll(name).length).toBeLessThanOrEqual(1)
    }), parserCases())
  })

  it('read as JSON is JSON, or nothing, and anything may be taken out of it', () => {
    const pointer = fc.array(fc.constantFrom('a', 'user', '0', '1', '-', '01', '__proto__', 'length', '~0', '~1', ''), { maxLength: 3 }).map((steps) => steps.map((step) => `/${step}`).join(''))
    fc.assert(fc.property(fc.oneof(said.map((body) => Buffer.from(body, 'latin1')), fc.json().map((body) => Buffer.from(body))), pointer, (body, at) => {
      const [json, steps] = [parseJson(body), parseJsonPointer(at)]
      if (json === undefined || steps === undefined) return
      const before = valueAt(json, steps)
      if (removeAt(json, steps)) expect(before).not.toBeUndefined()
      expect(parseJson(formatJson(json))).toEqual(json)
      expect(({} as Record<string, unknown>)['user']).toBeUndefined()
    }), parserCases())
  })

  it('in any coding, or in parts, unfolds to no more than was asked for', async () => {
    const parts = fc.array(fc.constantFrom('--b', '--b--', '\r\n', 'content-disposition: form-data; name="user"', 'Content-Disposition:form-data;name=user;name=x', '\r\n\r\n', 'alice', '\n', '"', '\0'), { maxLength: 12 }).map((pieces) => Buffer.from(pieces.join('')))
    await fc.assert(fc.asyncProperty(fc.oneof(parts, fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes))), fc.constantFrom(undefined, 'gzip', 'br', 'zstd', 'deflate', 'gzip, gzip', 'x', 'identity, br', ','), async (body, coding) => {
      const decoded = await decodeBody(body, coding, 1_000)
      if (decoded.state === 'decoded') expect(decoded.body.length).toBeLessThanOrEqual(1_000)
      const fields = await multipartFields(body, 'multipart/form-data; boundary=b')
      expect(fields === undefined || typeof (fields.valueOf('user') ?? '') === 'string').toBe(true)
    }), sessionCases(500))
  })
})
