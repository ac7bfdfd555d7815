/** Ids of session files, as apps set them and clients might: whatever they are, they name a file of the rule's folder, or none. */
import { basename, dirname } from 'node:path'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cookieNews } from '../../src/carrier/files/response-cookies.ts'
import { compileRule, fileNames } from '../../src/carrier/files/rule.ts'
import { parsePathTemplate } from '../../src/config/path-template.ts'
import { PRESETS } from '../../src/config/presets.ts'
import { parserCases } from '../support/cases.ts'

const NOW = 1_700_000_000_000
const given = [
  ...Object.values(PRESETS).flatMap(({ files }) => files),
  { cookie: 'any', path: '/srv/sessions/{id}' }, { cookie: 'hashed', path: "/srv/sessions/x{md5('a:' + id)}.json" }, { cookie: 'loose', id: '(.*)', path: '/srv/sessions/sess_{id}' }, { cookie: 'part', id: 'id=(.+)', path: '/srv/sessions/{id}.s' },
]
const rules = given.map(({ cookie, path, ...rest }) => {
  const template = parsePathTemplate(path)
  if (!template.ok) throw new Error(`${path} ${template.problem}`)
  return compileRule({ cookie, id: 'id' in rest ? new RegExp(rest.id) : undefined, render: template.render })
})

const hostile = fc.array(fc.oneof(
  fc.constantFrom('..', '.', '/', '\\', '%2e', '%2f', '\0', 'a', 'B', '0', '-', '_', ',', '~', ' ', '.unstick-abcdefghijkl.tmp', 'sess_', 'id=', 's:', 's%3A', '\n', '\u00e9', 'AAAABBBBCCCCDDDDEEEEFFFF00001111', '/etc/passwd'),
  fc.string({ unit: fc.nat({ max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 6 }),
), { maxLength: 8 }).map((pieces) => pieces.join(''))
const long = fc.nat({ max: 600 }).map((length) => 'a'.repeat(length))

describe('any id', () => {
  it('names a plain file in the folder of its rule, or none', () => {
    fc.assert(fc.property(fc.constantFrom(...rules), fc.oneof({ weight: 9, arbitrary: hostile }, long), (rule, value) => {
      const id = rule.idOf(value)
      if (id === undefined) return
      const path = rule.pathOf(id)
      expect(dirname(path)).toBe(rule.folder)
      expect(basename(path)).toMatch(/^[\w.,-]+$/)
      expect(basename(path)).not.toMatch(/^\.+$|^\.unstick-/)
      // What the file system would refuse must not become an error of each request.
      expect(basename(path).length).toBeLessThanOrEqual(255)
      const names = fileNames(rule.cookie, id)
      expect(names.content).not.toContain(id.length > 20 ? id : '\0')
      expect(names.gone.length).toBeLessThanOrEqual(512)
    }), parserCases())
  })

  it('in any Set-Cookie is news of its rule, with an end that is to come', () => {
    const attribute = fc.constantFrom('', '; Max-Age=0', '; Max-Age=60', '; Max-Age=-9', '; Expires=Thu, 01 Jan 1970 00:00:00 GMT', '; Path=/a', '; Max-Age=1e9', '; Max-Age=99999999999999999999')
    const byName = new Map(rules.map((rule) => [rule.cookie, rule]))
    fc.assert(fc.property(fc.array(fc.tuple(fc.constantFrom(...byName.keys()), hostile, attribute), { maxLength: 4 }), (cookies) => {
      const news = cookieNews({ status: 200, headers: cookies.flatMap(([name, value, rest]) => ['Set-Cookie', `${name}=${value}${rest}`]) }, byName, NOW)
      for (const [rule, { ids }] of news) {
        for (const [id, endsAt] of ids) {
          expect(rule.idOf(id) ?? id).toMatch(/^[\w.,-]+$/)
          if (endsAt !== undefined) expect(endsAt).toBeGreaterThan(NOW)
        }
      }
    }), parserCases())
  })
})
