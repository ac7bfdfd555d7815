/** The heads of messages as carriers see and change them. Bodies never come this way. */
import type { CookiePair } from './cookies.ts'

/** Header names and values in turn, in the order, case and number in which they came: `['Host', 'a.example', …]`. */
export type RawHeaders = string[]

/** The head of a request on its way to the app. Reserved headers and cookies from the client are gone already. */
export interface RequestHead {
  readonly method: string
  /** The request target as the client sent it: path and query. */
  readonly target: string
  /** The target's path, percent-encoding untouched. */
  readonly path: string
  /** The host that the client asked for, lower case, without port: what a browser would file cookies under. */
  readonly host: string
  /** Whether cookies marked Secure may travel: https as far as trusted proxies tell, or a loopback host, as browsers have it. */
  readonly secure: boolean
  /** Sent to the app as they stand, but for Cookie, which is made from `cookies`. */
  readonly headers: RawHeaders
  /** What the app will get in its one Cookie header, in order. Carriers add what the session holds. */
  cookies: CookiePair[]
  /** Cookies of vaulted names that the client sent itself: not for the app, but `adopt` may take them in, and `release` may pass them on. */
  readonly dropped: readonly CookiePair[]
}

/** The head of the app's response on its way to the client. */
export interface ResponseHead {
  readonly status: number
  /** Without hop-by-hop headers. Carriers take out what is theirs; the sidecar adds the token's Set-Cookie at the end. */
  headers: RawHeaders
  /** What the app said in reserved headers: it does not reach the client, but carriers may heed it. */
  readonly withheld?: RawHeaders | undefined
  /** Set by a carrier that took something out of this response: who asked again without the session would get another, so shared caches must not keep it. */
  personal?: boolean
}
