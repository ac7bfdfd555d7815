import { describe, expect, it } from 'vitest'
import { parsePathTemplate } from '../../../src/config/path-template.ts'
import { UnstickError } from '../../../src/errors.ts'

function render(template: string, id: string): string {
  const parsed = parsePathTemplate(template)
  if (!parsed.ok) throw new Error(parsed.problem)
  return parsed.render(id)
}

describe('a path template', () => {
  // Hashes from md5sum and sha1sum.
  it.each([
    ['/s/sess_{id}', 'abc', '/s/sess_abc'],
    ['/s/{id}.json', 'abc', '/s/abc.json'],
    ["/s/{md5('session:' + id)}", 'abc', '/s/32607b0dcb9d5a58fbe913b473137833'],
    ['/s/{md5(id)}', 'abc', '/s/900150983cd24fb0d6963f7d28e17f72'],
    ["/s/{md5( 'a'+id )}.x", 'bc', '/s/900150983cd24fb0d6963f7d28e17f72.x'],
    ["/s/{md5(id + 'c')}", 'ab', '/s/900150983cd24fb0d6963f7d28e17f72'],
    ["/s/{sha1('a' + id + 'c')}", 'b', '/s/a9993e364706816aba3e25717850c26c9cd0d89d'],
    ["/s/{md5('a/' + id)}", 'b', '/s/a7e86136543b019d72468ceebf71fb8e'],
    ['/s/{id}-{sha1(id)}', 'abc', '/s/abc-a9993e364706816aba3e25717850c26c9cd0d89d'],
  ])('%s of %s', (template, id, path) => {
    expect(render(template, id)).toBe(path)
  })

  it.each(['', 's/{id}', './{id}', '/s/', '/s/{id}/', '/s/x', '/s/{}', '/s/{ID}', '/s/{ id }', '/s/{id', '/s/id}', '/{id}/x', "/s/{md5('x')}", "/s/{md5('a' + 'b' + id)}", '/s/{md5("a" + id)}', '/s/{sha256(id)}', '/s/{md5(id)', "/s/{md5('a' id)}", '/s\0/{id}'])(
    'is not %j',
    (template) => {
      expect(parsePathTemplate(template).ok).toBe(false)
    },
  )

  it.each(['', '.', '..', '../x', 'a/b', 'a\0'])('puts no id into a path that would leave its place: %j', (id) => {
    expect(() => render('/s/{id}', id)).toThrow(UnstickError)
    expect(render('/s/{md5(id)}', id)).toMatch(/^\/s\/[0-9a-f]{32}$/)
  })
})
