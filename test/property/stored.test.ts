/** What comes back from a store: whatever it is, it opens as what was sealed, or is a fault with a name. */
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCookie, type StoredCookie, writeCookie } from '../../src/carrier/stored-cookie.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { UnstickError } from '../../src/errors.ts'
import { decodeEntry } from '../../src/session/entry.ts'
import { Sealing } from '../../src/session/sealing.ts'
import { Tokens } from '../../src/session/token.ts'
import { committedOf, openedOf, truthOf } from '../../src/store/redis/answers.ts'
import type { StoredRecord } from '../../src/store/store.ts'
import { parserCases } from '../support/cases.ts'
import { testClock } from '../support/test-clock.ts'

const keyring = new Keyring(['a secret of more than thirty-two characters'])
const sealing = new Sealing(keyring, testClock())
const token = new Tokens(keyring).mint()
const bytes = fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array))
/** Of our format and key, and so as likely as can be to pass. */
const claimed = bytes.map((rest) => Buffer.concat([Buffer.of(1), keyring.newest.id, rest]))
const name = fc.string({ maxLength: 8 })

/** Whatever else than store_unavailable it throws fails the test; undefined: that. */
function faultOr<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    expect(error).toBeInstanceOf(UnstickError)
    expect(error).toMatchObject({ code: 'store_unavailable' })
    return undefined
  }
}

describe('any bytes in the place of', () => {
  it('an entry or a successor are a fault', () => {
    const record = (entries: ReadonlyMap<string, Uint8Array>): StoredRecord => ({ version: 1, createdAt: 0, endsAt: 9e15, expiresAt: 9e15, keepUntil: 0, now: 1, entries })
    fc.assert(fc.property(fc.array(fc.tuple(name, fc.oneof(bytes, claimed)), { minLength: 1, maxLength: 3 }), (entries) => {
      expect(faultOr(() => sealing.open(token, record(new Map(entries))))).toBeUndefined()
      for (const [, value] of entries) expect(faultOr(() => sealing.follow(value, token))).toBeUndefined()
    }), parserCases())
  })

  it('an open entry are an entry, or none', () => {
    fc.assert(fc.property(bytes, (plain) => {
      const entry = decodeEntry(plain)
      expect(entry === undefined).toBe(plain.length < 8)
      if (entry?.expiresAt !== undefined) expect(entry.expiresAt).toBeGreaterThan(0)
    }), parserCases())
  })
})

describe('any answer of Redis', () => {
  const item = fc.oneof(fc.integer({ min: -2, max: 14 }), fc.maxSafeInteger(), bytes, fc.string({ maxLength: 4 }), fc.constantFrom(null, undefined, true, NaN, 1.5), fc.array(bytes, { maxLength: 2 }))
  const answer = fc.oneof(item, fc.array(item, { maxLength: 14 }), fc.tuple(fc.constantFrom(5, 6), fc.array(fc.oneof({ weight: 9, arbitrary: fc.nat() }, item), { maxLength: 8 }), fc.array(bytes, { maxLength: 4 })).map(([state, head, rest]) => [state, ...head, ...rest]))

  it('is understood, or a fault', () => {
    fc.assert(fc.property(answer, (said) => {
      const opened = faultOr(() => openedOf(said, 'me'))
      if (opened?.state === 'record') for (const [entry, value] of opened.record.entries) expect([typeof entry, value instanceof Uint8Array]).toEqual(['string', true])
      faultOr(() => committedOf(said, 'me'))
      faultOr(() => truthOf(said))
    }), parserCases())
  })
})

describe('any cookie', () => {
  const latin = fc.string({ unit: fc.integer({ min: 32, max: 255 }).map((code) => String.fromCharCode(code)), maxLength: 20 })
  const cookie: fc.Arbitrary<StoredCookie> = fc.record({ name: latin, value: latin, host: latin, domain: fc.option(latin, { nil: undefined }), path: latin, secure: fc.boolean(), createdAt: fc.double({ min: 0, max: 9e15, noNaN: true }).map((at) => at + 0) })

  it('reads from the store as it was written', () => {
    fc.assert(fc.property(cookie, (one) => {
      expect(readCookie(writeCookie(one))).toEqual(one)
    }), parserCases())
  })
})
