import { describe, expect, it } from 'vitest'
import { Keyring } from '../../../src/crypto/keyring.ts'

const A = 'a secret of more than thirty-two characters'
const B = 'another secret of thirty-two characters or so'

describe('a keyring', () => {
  it('derives the same keys from the same secret, whoever else is in it', () => {
    const alone = new Keyring([A]).newest
    const among = new Keyring([B, A]).byId(alone.idText)
    expect(among).toEqual(alone)
    // Pinned: another derivation would make every session and token of a running site unreadable.
    expect(alone.idText).toBe('NPm0Gg')
    expect(alone.mac.toString('hex').slice(0, 16)).toBe('98dd257d5a513f8d')
    expect(alone.seal.toString('hex').slice(0, 16)).toBe('fd0571eb093e05fe')
  })

  it('takes the first secret as the newest and finds all by id', () => {
    const secrets = Array.from({ length: 50 }, (_, i) => `${A} number ${i}`)
    const keyring = new Keyring(secrets)
    const keys = secrets.map((secret) => new Keyring([secret]).newest)
    expect(keyring.newest).toEqual(keys[0])
    for (const key of keys) expect(keyring.byId(key.idText)).toEqual(key)
    expect(new Set(keys.map((key) => key.idText)).size).toBe(50)
    expect(keyring.byId('AAAAAA')).toBeUndefined()
  })

  it('counts a secret that is listed twice as one, which is the newest', () => {
    const keyring = new Keyring([A, B, A])
    expect(keyring.byId(keyring.newest.idText)).toBe(keyring.newest)
  })

  it('uses subkeys that say nothing of each other or of the secret', () => {
    const { id, idText, mac, seal } = new Keyring([A]).newest
    expect([id.length, idText.length, mac.length, seal.length]).toEqual([4, 6, 32, 32])
    expect(mac.equals(seal)).toBe(false)
    for (const bytes of [id, mac, seal]) expect(Buffer.from(A).includes(bytes)).toBe(false)
    expect(mac.includes(id) || seal.includes(id)).toBe(false)
  })

  it('needs a secret', () => {
    expect(() => new Keyring([])).toThrow(TypeError)
  })
})
