/** The end of a session, wherever it is by now: the token may have been rotated since this request opened it. */
import { type EntryName, type SessionStore, TOMBSTONE_MS, type Version } from '../store/store.ts'
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

/** No record has this version, so the store tells what is there. Asked by a commit, it tells of a pointer for longer than it lets anybody use one. */
const unknown = (token: Token): Known => ({ token, version: 0, names: new Set() })

/** undefined: it has ended. */
async function look(store: SessionStore, sealing: Sealing, token: Token): Promise<Known | undefined> {
  const opened = await store.open(token.storeKey, {})
  if (opened.state === 'record') return { token, version: opened.record.version, names: new Set(opened.record.entries.keys()) }
  return opened.state === 'moved' ? unknown(sealing.follow(opened.successor, token)) : undefined
}
