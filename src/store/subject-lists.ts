/** Which sessions are filed under which subject, for a store that lives in this process. */
import type { Millis } from '../clock.ts'
import type { StoreKey, SubjectKey } from './store.ts'

/** Lists that each filing looks through for what has run out: more than the one that it may add. */
const SWEPT_LISTS = 2

export class SubjectLists {
  /** Until when each session is filed. */
  readonly #lists = new Map<SubjectKey, Map<StoreKey, Millis>>()
  #sweeper: Iterator<[SubjectKey, Map<StoreKey, Millis>]> | undefined

  file(subject: SubjectKey, key: StoreKey, until: Millis, now: Millis): void {
    this.#sweep(now)
    const list = this.#lists.get(subject) ?? new Map<StoreKey, Millis>()
    list.set(key, Math.max(until, list.get(key) ?? 0))
    this.#lists.set(subject, list)
  }

  filed(subject: SubjectKey, most: number, now: Millis): StoreKey[] {
    const list = [...(this.#lists.get(subject) ?? [])].filter(([, until]) => until > now)
    return list.sort(([, a], [, b]) => b - a).slice(0, most).map(([key]) => key)
  }

  unfile(subject: SubjectKey, keys: readonly StoreKey[]): void {
    const list = this.#lists.get(subject)
    for (const key of keys) list?.delete(key)
    if (list?.size === 0) this.#lists.delete(subject)
  }

  /** Goes round the lists, a few at a time. */
  #sweep(now: Millis): void {
    for (let step = 0; step < SWEPT_LISTS; step += 1) {
      this.#sweeper ??= this.#lists.entries()
      const next = this.#sweeper.next()
      if (next.done === true) {
        this.#sweeper = undefined
        return
      }
      const [subject, list] = next.value
      for (const [key, until] of list) if (until <= now) list.delete(key)
      if (list.size === 0) this.#lists.delete(subject)
    }
  }
}
