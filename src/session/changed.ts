/** What a session holds after a change, and what a change amounts to. */
import type { Changes, Entry } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { EntryName } from '../store/store.ts'
import { lastExpiry, type Session } from './session.ts'

/** Entries of a session. Browsers keep some hundreds of cookies; all are opened with every request. */
const MOST_ENTRIES = 300

/** Whether it says at the most whose session it is. */
export const changesNoEntries = ({ set, remove, rotate, ifUnchanged }: Changes): boolean => set.size + remove.size === 0 && rotate !== true && ifUnchanged === undefined

/** What a session becomes that nobody has written to since it was read. */
export function asRead(changes: Changes): Changes {
  const { set, remove, ifUnchanged } = changes
  if (ifUnchanged === undefined) return changes
  return { ...changes, set: new Map([...ifUnchanged.set, ...set]), remove: new Set([...ifUnchanged.remove, ...remove]) }
}

/** What is left of it where somebody has. */
export const withoutCondition = (changes: Changes): Changes => (changes.ifUnchanged === undefined ? changes : { ...changes, ifUnchanged: undefined })

/** The entries of a session after a change, without those that have run out. */
export function entriesAfter(session: Session, changes: Changes): Map<EntryName, Entry> {
  const after = new Map<EntryName, Entry>()
  const now = session.now()
  for (const source of [session.entries, changes.set]) {
    for (const [name, entry] of source) {
      if (entry.expiresAt === undefined || entry.expiresAt > now) after.set(name, entry)
    }
  }
  for (const name of changes.remove) after.delete(name)
  return after
}

/** How long from `now` the record must stay for its entries' own expiries. */
export function keepMs(entries: ReadonlyMap<EntryName, Entry>, now: Millis): Millis {
  const last = lastExpiry(entries)
  return last === undefined ? 0 : Math.max(0, last - now)
}

export function refuseMany(entries: ReadonlyMap<EntryName, Entry>): void {
  if (entries.size > MOST_ENTRIES) throw new UnstickError('too_large', `The session would have more than ${MOST_ENTRIES} entries. Nothing was saved.`)
}
