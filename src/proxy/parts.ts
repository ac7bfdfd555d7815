/** What every request needs and none changes: made once, in the composition root. */
import type { Carrier } from '../carrier/carrier.ts'
import type { Millis } from '../clock.ts'
import type { CookieNames } from '../http/cookie-names.ts'
import type { TrustedProxies } from '../http/forwarded.ts'
import type { HeaderKindOf } from '../http/header-names.ts'
import type { CookieSorter } from '../http/request-head.ts'
import type { Logger } from '../log.ts'
import type { Sessions } from '../session/sessions.ts'
import type { TokenCookie } from '../session/token-cookie.ts'
import type { Tokens } from '../session/token.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Upstream } from './upstream.ts'
import type { Warnings } from './warnings.ts'

/** What a route decides for a request. */
export interface Route {
  readonly session: boolean
  readonly touch: boolean
  readonly lock: 'exclusive' | 'off'
  readonly lockWaitMs: Millis
}

export interface Parts {
  readonly upstream: Upstream
  readonly routes: { match(method: string, path: string): Route }
  readonly trusted: TrustedProxies
  readonly sorter: CookieSorter
  readonly vaulted: CookieNames
  /** What each header is, by its name: those that carriers inject and heed are reserved. */
  readonly headerKind: HeaderKindOf
  readonly tokens: Tokens
  readonly tokenCookie: TokenCookie
  readonly sessions: Sessions
  /** In the order in which they begin. */
  readonly carriers: readonly Carrier[]
  /** Whether one of them captures only at the end of a response, which must wait for that to be committed. */
  readonly commitsAtEnd: boolean
  readonly telemetry: Telemetry
  readonly log: Logger
  readonly warnings: Warnings
  readonly upstreamTimeoutMs: Millis
  /** Whether the sidecar is on its way out: connections are not kept. */
  readonly draining: () => boolean
}
