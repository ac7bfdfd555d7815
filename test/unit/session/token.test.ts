import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { Tokens } from '../../../src/session/token.ts'

const OLD = 'the old secret, of more than thirty-two characters'
const NEW = 'the new secret, of more than thirty-two characters'
const tokens = (...secrets: string[]): Tokens => new Tokens(new Keyring(secrets.length === 0 ? [NEW] : secrets))
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

describe('a token', () => {
  it('is a cookie value of at most 84 characters that comes back as the same session and version', () => {
    const mine = tokens()
    const token = mine.mint()
    for (const version of [0, 1, 35, 36, 1_000_000, Number.MAX_SAFE_INTEGER]) {
      const value = mine.format(token, version)
      expect(value).toMatch(/^[\w-]{49}\.[0-9a-z]{1,11}\.[\w-]{22}$/)
      expect(value.length).toBeLessThanOrEqual(84)
      // In the process that made it, and in one that never saw it.
      for (const reader of [mine, tokens()]) {
        const seen = reader.verify(value)
        expect(seen?.seen).toBe(version)
        expect(seen?.token.storeKey).toBe(token.storeKey)
        expect(reader.verify(value)).toBe(seen)
      }
    }
  })

  it('is new each time', () => {
    const mine = tokens()
    expect(new Set(Array.from({ length: 1_000 }, () => mine.mint().storeKey)).size).toBe(1_000)
  })

  it('is refused when any one character of it is another, also one that decodes to the same bytes', () => {
    const mine = tokens()
    const value = mine.format(mine.mint(), 47)
    expect(mine.verify(value)).toBeDefined()
    for (let at = 0; at < value.length; at += 1) {
      for (const character of `${ALPHABET}.+/=`) {
        if (character === value[at]) continue
        const changed = value.slice(0, at) + character + value.slice(at + 1)
        expect([changed, mine.verify(changed)]).toEqual([changed, undefined])
      }
    }
  })

  it('is refused when it is shorter, longer, or spelt otherwise', () => {
    const mine = tokens()
    const value = mine.format(mine.mint(), 47)
    for (let at = 0; at < value.length; at += 1) expect(mine.verify(value.slice(0, at) + value.slice(at + 1))).toBeUndefined()
    for (const changed of ['', ' ', `${value} `, ` ${value}`, `${value}\n`, `"${value}"`, `${value}=`, value.toUpperCase(), value.replace('.', '.0'), value.replace(/\./g, ','), 'A'.repeat(100_000), value.repeat(2)]) {
      expect([changed, mine.verify(changed)]).toEqual([changed, undefined])
    }
  })

  it('cannot ask for another version than it was given', () => {
    const mine = tokens()
    const token = mine.mint()
    const [body, , mac] = mine.format(token, 5).split('.')
    for (const version of ['4', '6', '05', '50', '']) expect(mine.verify(`${body}.${version}.${mac}`)).toBeUndefined()
  })

  it('is refused by who has another secret', () => {
    const mine = tokens()
    expect(tokens(OLD).verify(mine.format(mine.mint(), 1))).toBeUndefined()
  })

  it('tells nothing of itself by its store key', () => {
    const mine = tokens()
    const token = mine.mint()
    const value = mine.format(token, 1)
    const random = token.random.toString('base64url')
    expect(token.storeKey).toMatch(/^[\w-]{43}$/)
    expect(value).not.toContain(token.storeKey)
    expect([random, hash('sha256', token.random, 'base64url'), hash('sha256', random, 'base64url'), hash('sha256', value, 'base64url')]).not.toContain(token.storeKey)
    expect(mine.verify(`${value.slice(0, 6)}${token.storeKey}${value.slice(49)}`)).toBeUndefined()
  })

  it('seals with a key of its own for each secret', () => {
    const keyring = new Keyring([NEW, OLD])
    const old = new Keyring([OLD]).newest
    const [a, b] = [new Tokens(keyring).mint(), new Tokens(keyring).mint()]
    expect(a.sealing(keyring.newest)).toBe(a.sealing(keyring.newest))
    const raw = [a.sealing(keyring.newest), a.sealing(old), b.sealing(keyring.newest)].map((key) => key.export().toString('hex'))
    expect(new Set(raw).size).toBe(3)
    expect(raw).not.toContain(a.random.toString('hex'))
  })
})

describe('when secrets rotate', () => {
  it('an old token still verifies, is known to be stale, and is the same session when signed anew', () => {
    const before = tokens(OLD)
    const token = before.mint()
    const after = tokens(NEW, OLD)
    const seen = after.verify(before.format(token, 3))
    if (seen === undefined) throw new Error('the old token was refused')
    expect(after.isStale(seen.token)).toBe(true)
    const anew = after.format(seen.token, 3)
    const again = after.verify(anew)
    expect(again?.token.storeKey).toBe(token.storeKey)
    expect(again === undefined ? undefined : after.isStale(again.token)).toBe(false)
    expect(before.verify(anew)).toBeUndefined()
    expect(tokens(NEW).verify(anew)?.token.storeKey).toBe(token.storeKey)
  })

  it('a token of a secret that is gone is refused', () => {
    const before = tokens(OLD)
    expect(tokens(NEW).verify(before.format(before.mint(), 1))).toBeUndefined()
  })

  it('a fresh token is not stale, also where the newest secret is listed twice', () => {
    for (const secrets of [[NEW], [NEW, OLD], [NEW, OLD, NEW]]) {
      const mine = tokens(...secrets)
      const value = tokens(...secrets).format(tokens(...secrets).mint(), 1)
      const seen = mine.verify(value)
      expect(seen === undefined ? undefined : mine.isStale(seen.token)).toBe(false)
    }
  })
})

describe('of several tokens', () => {
  it('those that verify count, in order and each session once, whatever forged ones are between them', () => {
    const mine = tokens()
    const [a, b] = [mine.mint(), mine.mint()]
    const forged = mine.format(a, 1).replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'))
    const verified = (...values: string[]): string[] => mine.verifyAll(values).map(({ token }) => token.storeKey)
    expect(verified('', 'x', forged, mine.format(a, 1), forged, mine.format(b, 1), mine.format(a, 2))).toEqual([a.storeKey, b.storeKey])
    expect(verified(forged, 'x')).toEqual([])
    expect(verified()).toEqual([])
  })

  it('no more than sixty-four are looked at', () => {
    const mine = tokens()
    const value = mine.format(mine.mint(), 1)
    expect(mine.verifyAll([...Array<string>(63).fill('x'), value])).toHaveLength(1)
    expect(mine.verifyAll([...Array<string>(64).fill('x'), value])).toEqual([])
  })
})

describe('what is remembered of tokens', () => {
  it('is forgotten after ten thousand others, and found again by verifying anew', () => {
    const mine = tokens()
    const value = mine.format(mine.mint(), 1)
    const first = mine.verify(value)
    const other = tokens()
    for (let i = 0; i < 10_000; i += 1) mine.verify(other.format(other.mint(), 1))
    const again = mine.verify(value)
    expect(again).toEqual(first)
    expect(again).not.toBe(first)
  })

  it('is never a forged one', () => {
    const mine = tokens()
    const forged = mine.format(mine.mint(), 1).slice(0, -1)
    for (let i = 0; i < 3; i += 1) expect(mine.verify(`${forged}*`)).toBeUndefined()
  })
})
