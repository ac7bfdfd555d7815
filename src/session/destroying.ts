/** The end of a session: wherever it is by now, as the token may have been rotated since this request opened it; or only where it still is as it was. */
import type { Changes } from '../carrier/carrier.ts'
import { type EntryName, type SessionStore, TOMBSTONE_MS, type Version } from '../store/store.ts'
import { entriesAfter } from './changed.ts'
import { tooOften } from './refusals.ts'
import type { Sealing } from './sealing.ts'
import type { Session } from './session.ts'
import type { Token } from './token.ts'

/** Rotations, and writes of others in between, that an end follows. */
const MOST_HOPS = 32

/** What is known of the record that has to go. */
interface Known {
  readonly token: Token
  readonly version: Version
  readonly names: ReadonlySet<EntryName>
}

/**
 * Leaves a tombstone where the session is. On the condition that nobody has written in between: a tombstone in the place of a pointer
 * would hide where a rotation took the session to, and let it live. Throws `session_busy` when it is rotated again and again, and `store_unavailable`.
 */
export async function destroySession({ store, sealing }: { readonly store: SessionStore; readonly sealing: Sealing }, session: Session): Promise<void> {
  let known: Known = { token: session.token, version: session.version, names: new Set([...session.entries.keys(), ...session.stale]) }
  for (let hop = 0; hop < MOST_HOPS; hop += 1) {
    const { token, version, names } = known
    const committed = await store.commit(token.storeKey, { mode: 'update', set: new Map(), remove: names, ifVersion: version, endIfEmptyMs: TOMBSTONE_MS, maxBytes: Number.MAX_SAFE_INTEGER })
    if (committed.state === 'ended' || committed.state === 'gone') return
    const next = committed.state === 'moved' ? unknown(sealing.follow(committed.successor, token)) : await look(store, sealing, token)
    if (next === undefined) return
    known = next
  }
  throw tooOften()
}

/**
 * Ends the session in the place of a change that asks for it by `endIfLeft`. Follows no rotation, and does nothing to a record that somebody else has changed: a
 * login may have. False: it is not over, or the store is to tell why by the change itself. Throws `store_unavailable`.
 */
export async function endIfLeft(store: SessionStore, session: Session, changes: Changes): Promise<boolean> {
  if (changes.endIfLeft === undefined || !session.exact) return false
  for (const [name, { value }] of entriesAfter(session, changes)) {
    const expected = changes.endIfLeft.get(name)
    if (expected === undefined || Buffer.compare(expected.value, value) !== 0) return false
  }
  const committed = await store.commit(session.token.storeKey, {
    mode: 'update', set: new Map(), remove: new Set([...session.entries.keys(), ...session.stale]), ifVersion: session.version,
    endIfEmptyMs: TOMBSTONE_MS, maxBytes: Number.MAX_SAFE_INTEGER, ...(session.lease === undefined ? {} : { lease: session.lease }),
  })
  return committed.state === 'ended'
}

/** No record has this version, so the store tells what is there. Asked by a commit, it tells of a pointer for longer than it lets anybody use one. */
const unknown = (token: Token): Known => ({ token, version: 0, names: new Set() })

/** undefined: it has ended. */
async function look(store: SessionStore, sealing: Sealing, token: Token): Promise<Known | undefined> {
  const opened = await store.open(token.storeKey, {})
  if (opened.state === 'record') return { token, version: opened.record.version, names: new Set(opened.record.entries.keys()) }
  return opened.state === 'moved' ? unknown(sealing.follow(opened.successor, token)) : undefined
}
