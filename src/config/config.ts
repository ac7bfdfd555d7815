/** The configuration as the rest of the program sees it: expanded, checked, every key present. */
import type { Millis } from '../clock.ts'

export type Address = { readonly host: string; readonly port: number } | { readonly unix: string }

export type StoreConfig =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  /** `urls` has one for a single server; `mode` says what they are the addresses of. */
  | {
      readonly kind: 'redis'
      readonly mode: 'single' | 'sentinel' | 'cluster'
      readonly tls: boolean
      readonly nodes: readonly { readonly host: string; readonly port: number }[]
      readonly unix?: string
      readonly username?: string
      readonly password?: string
      readonly db: number
      /** The name of the master that the sentinels watch. */
      readonly masterName?: string
    }

export interface TokenCookieConfig {
  readonly name: string
  readonly path: string
  readonly domain: string | undefined
  readonly sameSite: 'lax' | 'strict' | 'none'
  readonly secure: 'auto' | boolean
}

export interface FilesRule {
  /** The app's cookie that carries the id. */
  readonly cookie: string
  /** Takes the id out of the cookie's value: its first group, or the whole match. undefined: the value itself. */
  readonly id: RegExp | undefined
  /** Such as `/var/lib/php/sessions/sess_{id}` or `/app/flask_session/{md5('session:' + id)}`. */
  readonly path: string
  /** `path` with the id filled in. Throws `bad_request` for an id that would leave its place in the path (`/`, NUL, dots alone). */
  readonly render: (id: string) => string
}

export interface RouteConfig {
  /** `METHOD /path/**` or `/path/**`: `*` within a segment, `**` across them. */
  readonly match: string
  readonly session?: 'on' | 'off'
  readonly touch?: boolean
  readonly lock?: 'exclusive' | 'off'
  readonly lockWaitMs?: Millis
}

export interface Config {
  readonly listen: Address
  readonly upstream: Address & { readonly tls?: boolean }
  readonly store: StoreConfig
  /** Newest first; empty only for a store that is local. */
  readonly secrets: readonly string[]
  readonly session: {
    readonly cookie: TokenCookieConfig
    readonly idleTimeoutMs: Millis
    readonly lifetimeMs: Millis
    readonly touchIntervalMs: Millis
  }
  readonly carriers: {
    /** Names may hold `*` (any characters) and `?` (exactly one). The cookies of `files` are vaulted too, named here or not. */
    readonly cookies: { readonly names: readonly string[]; readonly adopt: boolean }
    readonly files: readonly FilesRule[]
  }
  readonly routes: readonly RouteConfig[]
  readonly limits: {
    readonly headerBytes: number
    readonly entryBytes: number
    readonly sessionBytes: number
    readonly upstreamConnections: number
    readonly upstreamTimeoutMs: Millis
    readonly drainMs: Millis
  }
  /** CIDR ranges. */
  readonly trustedProxies: readonly string[]
  readonly admin: { readonly listen: Address; readonly token: string | undefined }
}
