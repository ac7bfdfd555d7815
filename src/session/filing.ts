/**
 * Whose a session is, and the list of that subject's sessions. A session is filed before the record that says so is written: a crash between
 * the two leaves a line too many on a list, and never a session that its subject's list does not know.
 */
import type { Millis } from '../clock.ts'
import type { SessionStore, StoreKey } from '../store/store.ts'
import { type Label, type Labels, newLabel } from './label.ts'
import type { Session } from './session.ts'

/** Filed for longer than it may live by as much, so that one whose end moves on is not filed anew with every request. */
const MARGIN_MS: Millis = 86_400_000

export class Filing {
  readonly #store: SessionStore
  readonly #labels: Labels

  constructor(store: SessionStore, labels: Labels) {
    this.#store = store
    this.#labels = labels
  }

  /**
   * The label that a record must have from now on, filed already where it names somebody; `before` itself when it stays. `subject`: null for
   * nobody, undefined for as it was. `until`: as long as the session may live, by the store's clock.
   */
  async next(key: StoreKey, before: Label | undefined, subject: string | null | undefined, until: Millis, now: Millis): Promise<Label> {
    const label = before ?? newLabel(now)
    const name = subject === undefined ? label.subject : (subject ?? undefined)
    if (name === undefined) return label.subject === undefined ? label : { ...label, subject: undefined, filedUntil: 0 }
    if (name === label.subject && label.filedUntil >= until) return label
    const filedUntil = until + MARGIN_MS
    await this.#store.file(this.#labels.subjectKey(name), key, filedUntil - now)
    return { ...label, subject: name, filedUntil }
  }

  /** Takes a session off its subject's list that is none any more under this key. On the side: nobody waits for it, and a line that stays runs out by itself. */
  forget(session: Session): void {
    this.#forget(session).catch(() => undefined)
  }

  async #forget({ token, label }: Session): Promise<void> {
    if (label?.subject === undefined) return
    for (const name of this.#labels.subjectKeys(label.subject)) await this.#store.unfile(name, [token.storeKey])
  }

  /** Files it again under what its subject is called by the newest secret. */
  async renew(key: StoreKey, { subject, filedUntil }: Label, now: Millis): Promise<void> {
    if (subject !== undefined && filedUntil > now) await this.#store.file(this.#labels.subjectKey(subject), key, filedUntil - now)
  }
}
