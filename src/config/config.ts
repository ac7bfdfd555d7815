/** The configuration as the rest of the program sees it: expanded, checked, every key present. */
import type { Millis } from '../clock.ts'
import type { HeaderTemplate } from '../http/header-template.ts'
import type { MessagePart } from '../http/message-part.ts'

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

export interface CaptureConfig {
  /** As `RouteConfig.match`. */
  readonly on: string
  readonly hasStatus: (status: number) => boolean
  readonly set: readonly { readonly attribute: string; readonly part: MessagePart; readonly optional: boolean }[]
  /** One of the attributes that are set. */
  readonly subject: string | undefined
  readonly strip: readonly Extract<MessagePart, { of: 'json' | 'header' }>[]
  readonly destroy: boolean
}

export interface HeadersConfig {
  /** The header that carries all attributes to the app. */
  readonly send: string | undefined
  readonly format: 'form' | 'json' | 'base64json'
  /** The header that carries the session's public id to the app. */
  readonly id: string | undefined
  /** The headers by which the app speaks to unstick, by what they ask for. */
  readonly receive: Readonly<Partial<Record<'set' | 'replace' | 'modSession' | 'subject' | 'renew' | 'destroy', string>>>
  readonly inject: readonly { readonly name: string; readonly template: HeaderTemplate }[]
  readonly capture: readonly CaptureConfig[]
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
    readonly cookies: { readonly names: readonly string[]; readonly adopt: boolean; readonly release: boolean }
    readonly files: readonly FilesRule[]
    readonly headers: HeadersConfig | undefined
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
