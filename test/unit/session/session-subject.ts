/** Sessions over a memory store, with a clock that moves by hand and a look at what lies in the store. */
import type { Changes, Entry } from '../../../src/carrier/carrier.ts'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { StoreClock } from '../../../src/session/store-clock.ts'
import { Sealing } from '../../../src/session/sealing.ts'
import type { Session } from '../../../src/session/session.ts'
import { type CommitOutcome, type CommitRequest, type OpenRequest, Sessions, type SessionsOptions } from '../../../src/session/sessions.ts'
import { Token, Tokens } from '../../../src/session/token.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import type { SessionStore, StoredRecord } from '../../../src/store/store.ts'
import { silent, type Telemetry } from '../../../src/telemetry.ts'
import { testClock, type TestClock } from '../../support/test-clock.ts'

export const SECRET = 'the secret, of more than thirty-two characters'
export const IDLE = 1_800_000
export const LIFETIME = 86_400_000
export const TOUCH_INTERVAL = 60_000
export const PLAIN: CommitRequest = { touch: true, release: false, lock: false }
export const LOOK: OpenRequest = { touch: false }
export const USE: OpenRequest = { touch: true }

export interface Subject {
  readonly sessions: Sessions
  readonly store: SessionStore
  readonly clock: TestClock
  /** Names of what was reported, in order. */
  readonly reported: string[]
  /** A new session with these entries. */
  made(set: Changes['set'], request?: CommitRequest): Promise<Session>
  /** As another sidecar would find it, which has only the token. */
  opened(session: Session, request?: OpenRequest): Promise<Session>
  /** What the store holds; undefined: no record. */
  stored(session: Session): Promise<StoredRecord | undefined>
  /** Other sessions over the same store and clock. */
  beside(options: Partial<SessionsOptions>, secrets?: readonly string[] | Keyring): Sessions
}

export function subject(options: Partial<SessionsOptions> = {}, secrets: readonly string[] = [SECRET]): Subject {
  const clock = testClock()
  const store = memoryStore({ clock })
  const reported: string[] = []
  const telemetry: Telemetry = {
    ...silent,
    sessionCreated: () => { reported.push('created') },
    sessionDestroyed: () => { reported.push('destroyed') },
    committed: (result) => { reported.push(result) },
  }
  const beside = (more: Partial<SessionsOptions>, others: readonly string[] | Keyring = secrets): Sessions => {
    const keyring = others instanceof Keyring ? others : new Keyring(others)
    return new Sessions({
      store, clock, telemetry, tokens: new Tokens(keyring), sealing: new Sealing(keyring, clock), storeClock: new StoreClock(clock),
      idleTimeoutMs: IDLE, lifetimeMs: LIFETIME, touchIntervalMs: TOUCH_INTERVAL, entryBytes: 1_000, sessionBytes: 10_000, ...more,
    })
  }
  const sessions = beside(options)
  return {
    sessions, store, clock, reported, beside,
    made: async (set, request = PLAIN) => committed(await sessions.commit(undefined, { set, remove: new Set() }, request)),
    opened: async (session, request = LOOK) => {
      const found = await sessions.open(new Token(session.token.random, session.token.signedBy), request)
      if (found === undefined) throw new Error('the session is gone')
      return found
    },
    stored: async (session) => {
      const opened = await store.open(session.token.storeKey, {})
      return opened.state === 'record' ? opened.record : undefined
    },
  }
}

/** Entries by name: a text, or a text and when it expires. */
export function entries(of: Readonly<Record<string, string | readonly [string, number]>>): Map<string, Entry> {
  return new Map(Object.entries(of).map(([name, what]) => {
    const [text, expiresAt] = typeof what === 'string' ? [what, undefined] : what
    return [name, { value: Buffer.from(text), expiresAt }]
  }))
}

export const changes = (set: Parameters<typeof entries>[0], remove: readonly string[] = []): Changes => ({ set: entries(set), remove: new Set(remove) })

export const texts = (session: Session | undefined): Record<string, string> | undefined =>
  session === undefined ? undefined : Object.fromEntries([...session.entries].map(([name, { value }]) => [name, Buffer.from(value).toString()]))

export function committed(outcome: CommitOutcome): Session {
  if (outcome.state !== 'committed') throw new Error(`expected a commit, got ${outcome.state}`)
  return outcome.session
}
