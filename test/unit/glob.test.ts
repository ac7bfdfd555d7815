import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { globMatches } from '../../src/glob.ts'

describe('a glob', () => {
  it.each([
    ['', '', true], ['', 'a', false], ['a', 'a', true], ['a', 'A', false], ['a', 'aa', false], ['*', '', true], ['*', 'anything', true], ['**', '', true],
    ['?', '', false], ['?', 'a', true], ['?', 'ab', false], ['a*', 'a', true], ['*a', 'ba', true], ['*a', 'ab', false], ['a*b', 'ab', true], ['a*b', 'aXbXb', true],
    ['a*b?', 'abbc', true], ['*.example', 'a.example', true], ['a.c', 'abc', false], ['[a]', 'a', false], ['\\*', 'a', false],
  ])('%j matches %j: %s', (pattern, text, matches) => {
    expect(globMatches(pattern, text)).toBe(matches)
  })

  it('means the same as the regular expression that it stands for', () => {
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 })
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 10 })
    fc.assert(fc.property(pattern, text, (glob, candidate) => {
      const expression = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
      expect(globMatches(glob, candidate)).toBe(expression.test(candidate))
    }), { numRuns: 2_000 })
  })

  it('takes no longer than the product of both lengths', () => {
    const started = performance.now()
    expect(globMatches(`${'*a'.repeat(20)}*b`, 'a'.repeat(32_768))).toBe(false)
    expect(performance.now() - started).toBeLessThan(1_000)
  })
})
