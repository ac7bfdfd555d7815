/** What operators should hear of, and not with every request: signs that sidecars or balancer are not set up alike. */
import type { Clock, Millis } from '../clock.ts'
import { Bounded } from '../bounded.ts'
import type { Logger } from '../log.ts'

/** How often one thing is said. */
const AGAIN_MS: Millis = 60_000

export class Warnings {
  readonly #log: Pick<Logger, 'warn'>
  readonly #clock: Clock
  /** When each thing was said last. */
  readonly #said = new Bounded<string, Millis>(1_000)

  constructor(log: Pick<Logger, 'warn'>, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  /** A request had token cookies, and none of them verified. */
  tokenRefused(): void {
    if (this.#due('token')) this.#log.warn('a token cookie did not verify: forged, cut short, or signed by a secret that this sidecar does not have. If these are many, see that all sidecars have the same "secret"')
  }

  /** A peer that is not in `trustedProxies` told how its client came. */
  forwardingIgnored(peer: string | undefined): void {
    if (this.#due(`from ${peer}`)) this.#log.warn({ peer }, 'X-Forwarded-Proto of this peer was ignored, because it is not in trustedProxies: if it is your balancer, add it, or the app is told http and cookies marked Secure are refused')
  }

  #due(what: string): boolean {
    const now = this.#clock.now()
    const last = this.#said.get(what)
    if (last !== undefined && now - last < AGAIN_MS) return false
    this.#said.set(what, now)
    return true
  }
}
