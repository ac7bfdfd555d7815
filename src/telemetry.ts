/** What the parts report of themselves. The admin side turns it into metrics; tests may listen too. */
import type { ErrorCode } from './errors.ts'

export interface Telemetry {
  /** One request is over. `status` 0: the client hung up before an answer. `addedS`: seconds spent in the sidecar rather than in the app. */
  request(status: number, code: ErrorCode | undefined, addedS: number): void
  /** A token was looked up. */
  sessionOpened(result: 'found' | 'missed'): void
  sessionCreated(): void
  sessionDestroyed(): void
  /** A token cookie that did not verify was sent. */
  tokenRefused(): void
  /** A commit was answered, or failed. */
  committed(result: 'committed' | 'ended' | 'gone' | 'too_large' | 'fenced' | 'failed'): void
  /** A capture rule, or a header that the app meant for unstick, was heeded; or why it was not. */
  captured(result: 'captured' | 'missing' | 'too_large' | 'malformed' | 'unfinished'): void
  /** A header was not injected, since an attribute cannot stand in one as it is. */
  headerRefused(): void
  /** Cookies were handed back to a client, left to one that has a newer copy or has deleted its own, or could not be handed back. */
  cookieReleased(result: 'handed' | 'returned' | 'too_large', count: number): void
  /** A call of the store was answered. `failed`: it threw. */
  storeCall(operation: 'open' | 'commit' | 'destroy' | 'renew' | 'release' | 'file', seconds: number, failed: boolean): void
}

export const silent: Telemetry = {
  request() {}, sessionOpened() {}, sessionCreated() {}, sessionDestroyed() {}, tokenRefused() {}, committed() {}, captured() {}, headerRefused() {}, cookieReleased() {}, storeCall() {},
}
