/**
 * The secrets of the configuration as keys: the newest seals and signs, all open and verify. Each secret gives subkeys by HKDF
 * (RFC 5869), so that what signs tokens cannot open entries.
 */
import { createHash, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'

export interface Key {
  /** Names the key in tokens and sealed entries: 4 bytes, derived from the secret one way. */
  readonly id: Buffer
  /** `id` in 6 characters of base64url. */
  readonly idText: string
  /** Signs tokens. 32 bytes. */
  readonly mac: Buffer
  /** The salt under which a session's sealing key is derived from its token. 32 bytes. */
  readonly seal: Buffer
  /** Seals what operators may read: it takes the secret alone. */
  readonly label: KeyObject
  /** Derives from the name of a subject what it is called in the store. 32 bytes. */
  readonly subject: Buffer
  /**
   * How often it was needed since the start: sessions found by a token that it signed, and pieces that it sealed and that were opened. Counted
   * here because every request does; whoever shows metrics reads it.
   */
  readonly uses: { token: number; seal: number }
}

export class Keyring {
  readonly newest: Key
  /** Each once, newest first. */
  readonly keys: readonly Key[]
  readonly #byId = new Map<string, Key>()

  /** `secrets`: newest first, at least one. */
  constructor(secrets: readonly string[]) {
    const keys = secrets.map(deriveKey)
    const [newest] = keys
    if (newest === undefined) throw new TypeError('a keyring needs at least one secret')
    this.newest = newest
    // From the oldest on, so that of a secret that is listed twice the newer place counts, and what it signed is not stale.
    for (const key of keys.toReversed()) this.#byId.set(key.idText, key)
    this.keys = keys.filter((key) => this.byId(key.idText) === key)
  }

  byId(idText: string): Key | undefined {
    return this.#byId.get(idText)
  }
}

function deriveKey(secret: string): Key {
  const subkey = (purpose: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', `unstick ${purpose} v1`, 32))
  const id = createHash('sha256').update(subkey('key id')).digest().subarray(0, 4)
  return {
    id, idText: id.toString('base64url'), mac: subkey('token mac'), seal: subkey('seal'),
    label: createSecretKey(subkey('label')), subject: subkey('subject'), uses: { token: 0, seal: 0 },
  }
}
