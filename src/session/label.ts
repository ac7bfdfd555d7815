/**
 * What operators may know of a session: which it is, whose, and since when. It is sealed with the secret alone, under a key of its own, so
 * that somebody who looks after users can find their sessions without being able to read them.
 */
import { createHmac, randomBytes } from 'node:crypto'
import type { Millis } from '../clock.ts'
import type { Key, Keyring } from '../crypto/keyring.ts'
import { isSealedWith, seal, sealedWith, unseal } from '../crypto/seal.ts'
import { UnstickError } from '../errors.ts'
import type { StoreKey, SubjectKey } from '../store/store.ts'

export interface Label {
  /** A public name of the session, which stays the same when its token rotates. 22 characters of base64url, 128 random bits. */
  readonly id: string
  readonly subject: string | undefined
  /** When the session began, under whatever token, by the store's clock. */
  readonly startedAt: Millis
  /** Until when it is filed under its subject, by the store's clock. 0: not filed. */
  readonly filedUntil: Millis
}

export function newLabel(now: Millis): Label {
  return { id: randomBytes(16).toString('base64url'), subject: undefined, startedAt: now, filedUntil: 0 }
}

/** In the place of an entry's name. */
const NAME = 'label'
/** Names of users are short. In characters. */
const LONGEST_SUBJECT = 512

type Wire = [id: string, subject: string | 0, startedAt: Millis, filedUntil: Millis]

export class Labels {
  readonly #keyring: Keyring

  constructor(keyring: Keyring) {
    this.#keyring = keyring
  }

  /** The key ids of the secrets that are asked for. */
  get keyIds(): string[] {
    return this.#keyring.keys.map(({ idText }) => idText)
  }

  seal(storeKey: StoreKey, { id, subject, startedAt, filedUntil }: Label): Uint8Array {
    const wire: Wire = [id, subject ?? 0, startedAt, filedUntil]
    const { newest } = this.#keyring
    return seal(Buffer.from(JSON.stringify(wire)), newest, newest.label, storeKey, NAME)
  }

  /** Throws `store_unavailable` when it cannot be opened: not knowing whose a session is must not pass for "nobody's". */
  open(storeKey: StoreKey, sealed: Uint8Array): Label {
    const key = this.#keyring.byId(sealedWith(sealed) ?? '')
    if (key === undefined) throw unreadable('the secret that sealed it is not among the configured ones')
    key.uses.seal += 1
    const plain = unseal(sealed, key.label, storeKey, NAME)
    if (plain === undefined) throw unreadable('it was changed in the store')
    const [id, subject, startedAt, filedUntil] = JSON.parse(plain.toString()) as Wire
    return { id, subject: subject === 0 ? undefined : subject, startedAt, filedUntil }
  }

  /** Whether an older secret has sealed it. */
  isOutdated(sealed: Uint8Array): boolean {
    return !isSealedWith(sealed, this.#keyring.newest)
  }

  /** What a subject is called in the store from now on. Throws `too_large` for what cannot be anybody's name. */
  subjectKey(subject: string): SubjectKey {
    if (subject.length > LONGEST_SUBJECT) throw new UnstickError('too_large', `The name of a session's subject is longer than ${LONGEST_SUBJECT} characters. See the rule that takes it in.`)
    return derive(subject, this.#keyring.newest)
  }

  /** What it was called under any of the secrets. */
  subjectKeys(subject: string): SubjectKey[] {
    return this.#keyring.keys.map((key) => derive(subject, key))
  }
}

const derive = (subject: string, key: Key): SubjectKey => createHmac('sha256', key.subject).update(subject).digest('base64url') as SubjectKey

const unreadable = (why: string): UnstickError => new UnstickError('store_unavailable', `The label of a session could not be opened: ${why}. Check "secret" and the store.`)
