import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Keyring } from '../../src/crypto/keyring.ts'
import { seal, sealedWith, sessionKey, unseal } from '../../src/crypto/seal.ts'
import { decodeEntry, encodeEntry } from '../../src/session/entry.ts'
import { parserCases } from '../support/cases.ts'

const keyring = new Keyring(['a secret of more than thirty-two characters'])
const { newest } = keyring
const random = fc.uint8Array({ minLength: 32, maxLength: 32 })

it('opens only what was sealed under the same key, record and name', () => {
  const place = fc.tuple(random, fc.string({ maxLength: 5 }), fc.string({ maxLength: 5 }))
  fc.assert(fc.property(place, place, fc.uint8Array({ maxLength: 100 }), (here, there, plain) => {
    const bytes = seal(plain, newest, sessionKey(here[0], newest), here[1], here[2])
    expect(unseal(bytes, sessionKey(here[0], newest), here[1], here[2])).toEqual(Buffer.from(plain))
    const same = Buffer.from(here[0]).equals(there[0]) && here[1] === there[1] && here[2] === there[2]
    expect(unseal(bytes, sessionKey(there[0], newest), there[1], there[2]) === undefined).toBe(!same)
    // One part at a time.
    if (here[1] !== there[1]) expect(unseal(bytes, sessionKey(here[0], newest), there[1], here[2])).toBeUndefined()
    if (here[2] !== there[2]) expect(unseal(bytes, sessionKey(here[0], newest), here[1], there[2])).toBeUndefined()
  }), parserCases())
})

it('takes no other bytes for sealed ones', () => {
  const sealing = sessionKey(new Uint8Array(32), newest)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    const id = sealedWith(bytes)
    if (id !== undefined && keyring.byId(id) !== undefined) expect(unseal(bytes, sealing, '', '')).toBeUndefined()
    const claimed = Buffer.concat([Buffer.of(1), newest.id, bytes])
    if (sealedWith(claimed) !== undefined) expect(unseal(claimed, sealing, '', '')).toBeUndefined()
  }), parserCases())
})

it('writes entries that read the same', () => {
  const latest = 8.64e15
  fc.assert(fc.property(fc.uint8Array({ maxLength: 50 }), fc.option(fc.integer({ min: 1, max: latest }), { nil: undefined }), (value, expiresAt) => {
    expect(decodeEntry(encodeEntry({ value, expiresAt }))).toEqual({ value: Buffer.from(value), expiresAt })
  }), parserCases())
})
