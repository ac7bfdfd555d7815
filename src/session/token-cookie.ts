/** The token cookie as the client gets it: always HttpOnly, and `__Host-` wherever the prefix can be. */
import type { TokenCookieConfig } from '../config/config.ts'
import type { Millis } from '../clock.ts'
import type { TokenCookieNames } from '../http/cookie-names.ts'

export class TokenCookie {
  readonly names: TokenCookieNames
  readonly #config: TokenCookieConfig
  readonly #scope: string

  constructor(config: TokenCookieConfig) {
    const { name, path, domain, sameSite, secure } = config
    const prefixed = path === '/' && domain === undefined ? `__Host-${name}` : name
    this.names = { https: secure === false ? name : prefixed, http: secure === true ? prefixed : name }
    this.#config = config
    const site = `${sameSite.slice(0, 1).toUpperCase()}${sameSite.slice(1)}`
    this.#scope = `; Path=${path}${domain === undefined ? '' : `; Domain=${domain}`}; HttpOnly; SameSite=${site}`
  }

  /** The Set-Cookie value that hands out a token. `lastsMs` undefined: until the browser closes. */
  give(token: string, https: boolean, lastsMs: Millis | undefined): string {
    const age = lastsMs === undefined ? '' : `; Max-Age=${Math.max(1, Math.ceil(lastsMs / 1_000))}`
    return `${this.#name(https)}=${token}${this.#scope}${this.#secure(https)}${age}`
  }

  /** The Set-Cookie value that takes it back. */
  clear(https: boolean): string {
    return `${this.#name(https)}=${this.#scope}${this.#secure(https)}; Max-Age=0`
  }

  #name(https: boolean): string {
    return https ? this.names.https : this.names.http
  }

  #secure(https: boolean): string {
    const { secure } = this.#config
    return (secure === 'auto' ? https : secure) ? '; Secure' : ''
  }
}
