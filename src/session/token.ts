/**
 * The token: what the client's cookie holds. 256 random bits name and open the session; a MAC lets a forged one be refused before
 * the store is asked; the version beside them says what this client has seen.
 *
 * Cookie value: key id (6 characters), random (43), `.`, version in base 36, `.`, MAC (22); base64url. At most 84 characters.
 * The MAC covers the version too, so a client cannot ask for older state than it was given.
 */
import { createHmac, hash, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'
import { Bounded, detached } from '../bounded.ts'
import type { Key, Keyring } from '../crypto/keyring.ts'
import { sessionKey } from '../crypto/seal.ts'
import type { StoreKey, Version } from '../store/store.ts'

const SHAPE = /^([\w-]{6})([\w-]{43})\.([0-9a-z]{1,11})\.([\w-]{22})$/
const MAC_BYTES = 16
/** Nobody has many; a head full of them would be a way to make us compute. Fewer would let who plants some hide the real one behind them. */
const MOST_VERIFIED = 64

/** What a verified token gives. Two with the same `storeKey` are the same session. */
export class Token {
  readonly random: Buffer
  /** The key that signed it as it came; a token signed by an older one is signed anew in the response. */
  readonly signedBy: Key
  readonly storeKey: StoreKey
  readonly #sealing = new Map<string, KeyObject>()

  constructor(random: Buffer, signedBy: Key) {
    this.random = random
    this.signedBy = signedBy
    this.storeKey = hash('sha256', Buffer.concat([STORE_KEY_LABEL, random]), 'base64url') as StoreKey
  }

  /** The key that seals this session under one of the secrets. */
  sealing(key: Key): KeyObject {
    let sealing = this.#sealing.get(key.idText)
    if (sealing === undefined) {
      sealing = sessionKey(this.random, key)
      this.#sealing.set(key.idText, sealing)
    }
    return sealing
  }
}

// Separates the two uses of the random bits: the store key must not be what any other hash of the token would be.
const STORE_KEY_LABEL = Buffer.from('unstick store key v1\0')

/** A token as the client sent it. */
export interface SeenToken {
  readonly token: Token
  /** The newest version that this client had been told of when it got this value. */
  readonly seen: Version
}

export class Tokens {
  readonly #keyring: Keyring
  // Deriving a token's keys costs more than everything else that an unchanged session needs. Only what verified gets in:
  // values as they came, and tokens by their random part, so that a new version of a known token derives nothing.
  readonly #seen = new Bounded<string, SeenToken>(10_000)
  readonly #tokens = new Bounded<string, Token>(10_000)

  constructor(keyring: Keyring) {
    this.#keyring = keyring
  }

  mint(): Token {
    const token = new Token(randomBytes(32), this.#keyring.newest)
    this.#tokens.set(identity(token.signedBy.idText, token.random.toString('base64url')), token)
    return token
  }

  /** The cookie's value, always signed with the newest key. */
  format(token: Token, version: Version): string {
    const key = this.#keyring.newest
    const versionText = version.toString(36)
    return `${identity(key.idText, token.random.toString('base64url'))}.${versionText}.${mac(token.random, versionText, key)}`
  }

  /** Whether the client should get its token anew, because the key that signed it is on its way out. */
  isStale(token: Token): boolean {
    return token.signedBy !== this.#keyring.newest
  }

  /** Those of the cookie values that verify, each session once, in order: forged ones beside them, set from elsewhere, do no harm. */
  verifyAll(values: readonly string[]): readonly SeenToken[] {
    const found: SeenToken[] = []
    for (const value of values.slice(0, MOST_VERIFIED)) {
      const seen = this.verify(value)
      if (seen !== undefined && !found.some(({ token }) => token.storeKey === seen.token.storeKey)) found.push(seen)
    }
    return found
  }

  /** undefined: forged, truncated, of an unknown key, or not a token at all. */
  verify(value: string): SeenToken | undefined {
    const known = this.#seen.get(value)
    if (known !== undefined) return known
    const shape = SHAPE.exec(value)
    if (shape === null) return undefined
    const [, keyId = '', randomText = '', versionText = '', macText = ''] = shape
    const key = this.#keyring.byId(keyId)
    if (key === undefined) return undefined
    const random = Buffer.from(randomText, 'base64url')
    if (!timingSafeEqual(Buffer.from(macText), Buffer.from(mac(random, versionText, key)))) return undefined
    // The last of 43 characters carries two bits that decoding drops: only the canonical spelling is the token.
    if (random.toString('base64url') !== randomText) return undefined
    const name = identity(keyId, randomText)
    let token = this.#tokens.get(name)
    if (token === undefined) {
      token = new Token(random, key)
      this.#tokens.set(name, token)
    }
    const seen = { token, seen: Number.parseInt(versionText, 36) }
    this.#seen.set(detached(value), seen)
    return seen
  }
}

const identity = (keyId: string, randomText: string): string => keyId + randomText

function mac(random: Buffer, versionText: string, key: Key): string {
  return createHmac('sha256', key.mac).update(random).update(versionText).digest().subarray(0, MAC_BYTES).toString('base64url')
}
