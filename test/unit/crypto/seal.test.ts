import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Key, Keyring } from '../../../src/crypto/keyring.ts'
import { seal, SEAL_OVERHEAD_BYTES, sealedWith, sessionKey, unseal } from '../../../src/crypto/seal.ts'

const keyring = new Keyring(['a secret of more than thirty-two characters', 'the one before it, as long as the first'])
const { newest } = keyring
const random = randomBytes(32)
const STORE_KEY = 'k'.repeat(43)
const NAME = 'cookie:sid;app.example;/'
const plain = Buffer.from('the session')

const sealed = (text: Uint8Array = plain): Buffer => seal(text, newest, sessionKey(random, newest), STORE_KEY, NAME)

/** As a reader of the store does it: the sealed bytes say which key; undefined when they cannot be opened. */
function opened(bytes: Uint8Array, options: { random?: Uint8Array; keys?: Keyring; storeKey?: string; name?: string } = {}): Buffer | undefined {
  const id = sealedWith(bytes)
  const key: Key | undefined = id === undefined ? undefined : (options.keys ?? keyring).byId(id)
  return key === undefined ? undefined : unseal(bytes, sessionKey(options.random ?? random, key), options.storeKey ?? STORE_KEY, options.name ?? NAME)
}

describe('a sealed entry', () => {
  it.each([0, 1, 15, 16, 17, 4096, 1_000_000])('of %i bytes opens to what went in', (length) => {
    const text = randomBytes(length)
    const bytes = sealed(text)
    expect(bytes.length).toBe(length + SEAL_OVERHEAD_BYTES)
    expect(opened(bytes)?.equals(text)).toBe(true)
  })

  it('opens out of a larger buffer, and leaves what it is given as it is', () => {
    const bytes = sealed()
    const around = Buffer.concat([Buffer.alloc(7, 9), bytes, Buffer.alloc(7, 9)])
    const before = Buffer.from(around)
    expect(opened(new Uint8Array(around.buffer, around.byteOffset + 7, bytes.length))).toEqual(plain)
    expect(around).toEqual(before)
  })

  it('is refused when any one bit of it has changed', () => {
    const bytes = sealed()
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect([bit, opened(changed)]).toEqual([bit, undefined])
    }
  })

  it('is refused when it was cut short or grew', () => {
    const bytes = sealed()
    for (let length = 0; length < bytes.length; length += 1) expect([length, opened(bytes.subarray(0, length))]).toEqual([length, undefined])
    expect(opened(Buffer.concat([bytes, Buffer.of(0)]))).toBeUndefined()
    expect(opened(Buffer.alloc(0))).toBeUndefined()
  })

  it('is refused in another record, under another name, and where the two are shifted into each other', () => {
    const bytes = sealed()
    expect(opened(bytes, { storeKey: 'j'.repeat(43) })).toBeUndefined()
    expect(opened(bytes, { name: 'cookie:sid;app.example;/x' })).toBeUndefined()
    expect(opened(bytes, { storeKey: `${STORE_KEY}c`, name: NAME.slice(1) })).toBeUndefined()
  })

  it('takes both the secret and the token to open', () => {
    const bytes = sealed()
    expect(opened(bytes, { random: randomBytes(32) })).toBeUndefined()
    expect(opened(bytes, { keys: new Keyring(['a secret that somebody made up instead']) })).toBeUndefined()
    // The id of the right key over a key of another secret, as an attacker may claim it.
    const wrong = { ...new Keyring(['a secret that somebody made up instead']).newest, id: newest.id, idText: newest.idText }
    expect(unseal(bytes, sessionKey(random, wrong), STORE_KEY, NAME)).toBeUndefined()
  })

  it('still opens when its secret is no longer the newest, and says which it was', () => {
    const bytes = sealed()
    const rotated = new Keyring(['the newest secret, for all that is to come', 'a secret of more than thirty-two characters'])
    expect(sealedWith(bytes)).toBe(newest.idText)
    expect(opened(bytes, { keys: rotated })).toEqual(plain)
  })

  it('never has the same nonce or the same bytes twice', () => {
    const many = Array.from({ length: 2_000 }, () => sealed())
    expect(new Set(many.map((bytes) => bytes.subarray(5, 17).toString('hex'))).size).toBe(2_000)
    expect(new Set(many.map((bytes) => bytes.subarray(17, 28).toString('hex'))).size).toBe(2_000)
    for (const bytes of many) expect(opened(bytes)).toEqual(plain)
  })

  it('shows nothing of what is in it', () => {
    expect(sealed(Buffer.alloc(64, 'x')).includes('xx')).toBe(false)
  })
})
