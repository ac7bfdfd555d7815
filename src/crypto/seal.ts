/**
 * Sealing of entries: AES-256-GCM (NIST SP 800-38D) under a key that takes both the secret and the token to make. The
 * associated data binds an entry to its record, its name and this format: a store cannot swap or replay it elsewhere.
 *
 * Sealed: format (1 byte) · key id (4) · nonce (12) · ciphertext · tag (16).
 */
import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomFillSync } from 'node:crypto'
import type { Key } from './keyring.ts'

const FORMAT = 1
const NONCE_AT = 5
const TEXT_AT = 17
const TAG_BYTES = 16

/** What a sealed value is longer than its plain form, in bytes. */
export const SEAL_OVERHEAD_BYTES = TEXT_AT + TAG_BYTES

/**
 * The key that seals one session: HKDF of its token's random bytes, salted by the secret's seal key. As a key object, with which
 * opening an entry costs a quarter of what it costs with plain bytes.
 */
export function sessionKey(random: Uint8Array, key: Key): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', random, key.seal, 'unstick session v1', 32)))
}

// Nonces are random, 96 bits, per session key: far from the 2^32 seals at which a collision would begin to matter. Filled in bulk, since
// asking the kernel costs more than the rest.
const pool = Buffer.alloc(12 * 128)
let poolAt = pool.length

function nonce(): Buffer {
  if (poolAt === pool.length) {
    randomFillSync(pool)
    poolAt = 0
  }
  poolAt += 12
  return Buffer.from(pool.subarray(poolAt - 12, poolAt))
}

const associated = (storeKey: string, name: string): Buffer => Buffer.from(`${FORMAT}\0${storeKey}\0${name}`)

export function seal(plain: Uint8Array, key: Key, sealing: KeyObject, storeKey: string, name: string): Buffer {
  const iv = nonce()
  const cipher = createCipheriv('aes-256-gcm', sealing, iv)
  cipher.setAAD(associated(storeKey, name))
  const text = cipher.update(plain)
  cipher.final()
  return Buffer.concat([Buffer.of(FORMAT), key.id, iv, text, cipher.getAuthTag()])
}

/** The id of the key that sealed; undefined: not a sealed value of this format. */
export function sealedWith(sealed: Uint8Array): string | undefined {
  if (sealed.length < SEAL_OVERHEAD_BYTES || sealed[0] !== FORMAT) return undefined
  return Buffer.from(sealed.buffer, sealed.byteOffset + 1, 4).toString('base64url')
}

/** Whether this key has sealed it: what `sealedWith` says, without making a text of it. */
export function isSealedWith(sealed: Uint8Array, { id }: Key): boolean {
  return sealed.length >= SEAL_OVERHEAD_BYTES && sealed[0] === FORMAT && sealed[1] === id[0] && sealed[2] === id[1] && sealed[3] === id[2] && sealed[4] === id[3]
}

/** undefined: not sealed by this key for this record and name, or changed since. */
export function unseal(sealed: Uint8Array, sealing: KeyObject, storeKey: string, name: string): Buffer | undefined {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', sealing, sealed.subarray(NONCE_AT, TEXT_AT), { authTagLength: TAG_BYTES })
  decipher.setAAD(associated(storeKey, name))
  decipher.setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(TEXT_AT, end))
  try {
    decipher.final()
  } catch {
    // The only way final() fails here is a tag that does not match: that is the answer, not a fault.
    return undefined
  }
  return plain
}
