import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Keyring } from '../../src/crypto/keyring.ts'
import { Token, Tokens } from '../../src/session/token.ts'
import { parserCases } from '../support/cases.ts'

const keyring = new Keyring(['a secret of more than thirty-two characters', 'the one before it, as long as the first'])
const tokens = new Tokens(keyring)
const random = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const version = fc.maxSafeNat()

it('any token and version come back from their cookie value, also in a process that never saw them', () => {
  fc.assert(fc.property(random, version, (bytes, number) => {
    const token = new Token(bytes, keyring.newest)
    const seen = new Tokens(keyring).verify(tokens.format(token, number))
    expect([seen?.token.random, seen?.token.storeKey, seen?.seen]).toEqual([bytes, token.storeKey, number])
  }), parserCases())
})

it('nothing verifies but what was handed out, character for character', () => {
  const edit = fc.record({ at: fc.nat({ max: 84 }), remove: fc.nat({ max: 3 }), insert: fc.string({ unit: fc.constantFrom(...Array.from('AZaz09-_.+/= "%')), maxLength: 3 }) })
  fc.assert(fc.property(random, version, fc.array(edit, { minLength: 1, maxLength: 3 }), (bytes, number, edits) => {
    const value = tokens.format(new Token(bytes, keyring.newest), number)
    const changed = edits.reduce((text, { at, remove, insert }) => text.slice(0, at) + insert + text.slice(at + remove), value)
    expect(tokens.verify(changed) === undefined).toBe(changed !== value)
  }), parserCases(1_000))
})

it('no text that is not a token verifies or throws', () => {
  fc.assert(fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[\w-]{49}\.[0-9a-z]{1,11}\.[\w-]{22}$/)), (text) => {
    expect(tokens.verify(text)).toBeUndefined()
  }), parserCases())
})
