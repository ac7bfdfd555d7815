/** Between open entries and the sealed bytes that a store holds. */
import type { Entry } from '../carrier/carrier.ts'
import type { Clock } from '../clock.ts'
import type { Key, Keyring } from '../crypto/keyring.ts'
import { isSealedWith, seal, sealedWith, unseal } from '../crypto/seal.ts'
import { UnstickError } from '../errors.ts'
import type { EntryName, StoredRecord } from '../store/store.ts'
import { decodeEntry, encodeEntry } from './entry.ts'
import { Labels } from './label.ts'
import { NO_NAMES, Session } from './session.ts'
import { Token } from './token.ts'

/** Under what a pointer to the successor is sealed, in the place of an entry's name. */
const SUCCESSOR = 'successor'

export class Sealing {
  readonly labels: Labels
  readonly #keyring: Keyring
  readonly #clock: Clock

  constructor(keyring: Keyring, clock: Clock) {
    this.labels = new Labels(keyring)
    this.#keyring = keyring
    this.#clock = clock
  }

  /** Always under the newest key, so that what is written moves on when secrets rotate. */
  seal(token: Token, entries: ReadonlyMap<EntryName, Entry>): Map<EntryName, Uint8Array> {
    const sealed = new Map<EntryName, Uint8Array>()
    for (const [name, entry] of entries) sealed.set(name, this.#seal(token, name, encodeEntry(entry)))
    return sealed
  }

  /** The session of a record, without the entries that have run out. Throws `store_unavailable` when one cannot be opened. */
  open(token: Token, record: StoredRecord): Session {
    const entries = new Map<EntryName, Entry>()
    const stale = new Set<EntryName>()
    let outdated: Set<EntryName> | undefined
    const { label } = record
    const lapsed = record.now >= record.expiresAt
    for (const [name, bytes] of record.entries) {
      const key = this.#keyOf(bytes)
      const entry = decodeEntry(this.#unseal(token, name, bytes, key))
      if (entry === undefined) throw unreadable('it is not in a form that this version knows')
      const alive = entry.expiresAt === undefined ? !lapsed : entry.expiresAt > record.now
      if (key !== this.#keyring.newest) (outdated ??= new Set()).add(name)
      if (alive) entries.set(name, entry)
      else stale.add(name)
    }
    return new Session(token, record, entries, this.#clock, {
      stale, outdated: outdated ?? NO_NAMES,
      label: () => (label === undefined ? undefined : this.labels.open(token.storeKey, label)),
      labelOutdated: label !== undefined && this.labels.isOutdated(label),
    })
  }

  /** What a record that has moved leaves in its place: only the old token can follow it. */
  pointTo(next: Token, from: Token): Uint8Array {
    return this.#seal(from, SUCCESSOR, next.random)
  }

  follow(successor: Uint8Array, from: Token): Token {
    return new Token(this.#unseal(from, SUCCESSOR, successor, this.#keyOf(successor)), this.#keyring.newest)
  }

  #seal(token: Token, name: string, plain: Uint8Array): Buffer {
    const { newest } = this.#keyring
    return seal(plain, newest, token.sealing(newest), token.storeKey, name)
  }

  /** What cannot be opened is not a miss: dropping it would log somebody out because of a missing secret or a broken store. */
  #keyOf(bytes: Uint8Array): Key {
    const { newest } = this.#keyring
    if (isSealedWith(bytes, newest)) return newest
    const keyId = sealedWith(bytes)
    if (keyId === undefined) throw unreadable('it is not in a form that this version knows')
    const key = this.#keyring.byId(keyId)
    if (key === undefined) throw unreadable('the secret that sealed it is not among the configured ones')
    return key
  }

  #unseal(token: Token, name: string, bytes: Uint8Array, key: Key): Buffer {
    key.uses.seal += 1
    const plain = unseal(bytes, token.sealing(key), token.storeKey, name)
    if (plain === undefined) throw unreadable('it was changed in the store')
    return plain
  }
}

const unreadable = (why: string): UnstickError => new UnstickError('store_unavailable', `A session entry could not be opened: ${why}. Check "secret" and the store.`)
