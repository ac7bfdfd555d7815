import { describe, expect, it } from 'vitest'
import { fieldText, type HeaderTemplate, parseHeaderTemplate, type Rendered } from '../../../src/http/header-template.ts'

function template(text: string): HeaderTemplate {
  const parsed = parseHeaderTemplate(text)
  if ('flaw' in parsed) throw new Error(parsed.flaw)
  return parsed
}

const render = (text: string, values: Record<string, string>): Rendered => template(text).render((name) => values[name])
const value = (text: string): Rendered => ({ state: 'value', value: text })

describe('a template', () => {
  it.each<[string, Record<string, string>, string]>([
    ['{user}', { user: 'alice' }, 'alice'], ['Bearer {token}', { token: 'a.b-c' }, 'Bearer a.b-c'], ['{a}-{b}-{a}', { a: '1', b: '2' }, '1-2-1'], ['{{{user}}}', { user: 'x' }, '{x}'],
    ['{ user }', { user: 'x' }, 'x'], ['{user}', { user: 'caf\u00e9' }, 'caf\u00e9'], ['{user}', { user: 'a\tb' }, 'a\tb'], ['{a.b-c_d}', { 'a.b-c_d': 'x' }, 'x'], ['{user}', { user: '{a}' }, '{a}'],
    ['{user|url}', { user: 'z\u00fcrich \u20ac\r\n' }, 'z%C3%BCrich%20%E2%82%AC%0D%0A'], ['{user|base64}', { user: '\u20ac\n' }, '4oKsCg=='], ['{user|base64url}', { user: '\u00ff\u00fe?' }, 'w7_Dvj8'],
    ['{user|utf8}', { user: '\u20ac' }, '\u00e2\u0082\u00ac'], ['{user|rfc8187}', { user: "a'\u20ac*()" }, "UTF-8''a%27%E2%82%AC%2A%28%29"], ['{ user | url }', { user: '/' }, '%2F'],
  ])('%s of %j is %j', (text, values, rendered) => {
    expect(render(text, values)).toEqual(value(rendered))
  })

  it('is left out when an attribute is missing or empty', () => {
    expect(render('{a} {b}', { a: '1' })).toEqual({ state: 'missing' })
    expect(render('{a|url}', { a: '' })).toEqual({ state: 'missing' })
  })

  it.each<[string, string]>([
    ['{a}', 'x\r\nX-Admin: 1'], ['{a}', 'x\ny'], ['{a}', 'x\ry'], ['{a}', 'x\0'], ['{a}', '\u001b'], ['{a}', '\u007f'], ['{a}', '\u20ac'], ['{a}', '\u{1f600}'], ['{a|utf8}', 'x\n'], ['{a|url}', '\ud800'],
    // On the way it would lose its ends, and be somebody else's name.
    ['{a}', ' admin'], ['{a}', 'admin '], ['{a}', '\tadmin'], ['{a}', 'admin\u00a0'], ['Bearer {a}', 'x '],
  ])('%s is refused with %j', (text, a) => {
    expect(render(text, { a })).toEqual({ state: 'refused' })
  })

  it('names its attributes, each once', () => {
    expect(template('{a} {b|url} {a}').attributes).toEqual(['a', 'b'])
  })

  it.each([
    ['{user', 'brace'], ['user}', 'brace'], ['{a{b}}', 'brace'], ['{}', 'name'], ['{|url}', 'name'], ['{a|url|base64}', 'name'], ['{a|hex}', 'encoding'], ['{a|toString}', 'encoding'], ['plain', 'constant'], ['', 'constant'], ['{{a}}', 'constant'], ['\r\n{a}', 'value'], ['\u20ac{a}', 'value'],
  ])('%j is none: %s', (text, flaw) => {
    expect(parseHeaderTemplate(text)).toMatchObject({ flaw })
  })
})

describe('what a header says', () => {
  it.each([['plain', 'plain'], ['\u00c3\u00a4', '\u00e4'], ['\u00e4', '\u00e4'], ['\u00ef\u00bb\u00bfx', '\ufeffx'], ['', '']])('%j: %j', (wire, text) => {
    expect(fieldText(wire)).toBe(text)
  })
})
