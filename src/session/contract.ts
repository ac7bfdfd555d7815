/** What sessions are made of, and what they are asked: the words that opening and writing share. */
import type { Clock, Millis } from '../clock.ts'
import type { SessionStore } from '../store/store.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Locks } from './lock.ts'
import type { Sealing } from './sealing.ts'
import type { Session } from './session.ts'
import type { StoreClock } from './store-clock.ts'
import type { Token, Tokens } from './token.ts'

export interface SessionsOptions {
  readonly store: SessionStore
  readonly tokens: Tokens
  readonly sealing: Sealing
  readonly clock: Clock
  readonly storeClock: StoreClock
  readonly telemetry: Telemetry
  readonly idleTimeoutMs: Millis
  readonly lifetimeMs: Millis
  readonly touchIntervalMs: Millis
  /** `limits.entry`, in bytes of an entry's open value. */
  readonly entryBytes: number
  /** `limits.session`, in bytes of all sealed entries of a session. */
  readonly sessionBytes: number
}

/** How a request wants its session: from its route. */
export interface OpenRequest {
  readonly touch: boolean
  /** Take the lease, waiting so long at the most, and not when nobody waits for the answer any more. */
  readonly wait?: { readonly ms: Millis; readonly signal: AbortSignal }
}

export interface CommitRequest {
  readonly touch: boolean
  /** Give the lease back in the same step. */
  readonly release: boolean
  /** A session that this commit makes, new or in succession to another, starts with its lease held. */
  readonly lock: boolean
  /** Under the token that is there, whatever happens: nobody would hear of a new one. */
  readonly inPlace?: boolean
}

export type CommitOutcome =
  /** `session` may be another than the one that was given, under another token. */
  | { readonly state: 'committed'; readonly session: Session }
  /** It was so already, and nothing was written. */
  | { readonly state: 'unchanged' }
  /** The session is over, or none was made: these changes took out the last entry, or set none. */
  | { readonly state: 'ended' }
  /** Somebody else has ended it meanwhile, and the changes went with it. The client may have another session by now. */
  | { readonly state: 'gone' }

/** What writing needs of opening. */
export interface Opener {
  readonly locks: Locks
  /** Opens what a rotation left, for a request that came with the old token. `locked`: it held the old one's lease. */
  openSuccessor(token: Token, request: { touch: boolean; locked: boolean }): Promise<Session | undefined>
  release(session: Session): Promise<void>
}
