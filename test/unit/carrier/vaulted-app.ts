/** The cookies carrier in front of an app that a test plays, over one visitor's session. */
import type { Changes } from '../../../src/carrier/carrier.ts'
import { cookiesCarrier, type CookiesOptions } from '../../../src/carrier/cookies.ts'
import { CookieNames } from '../../../src/http/cookie-names.ts'
import type { RequestHead } from '../../../src/http/message.ts'
import { Visitor } from '../../conformance/carrier-subject.ts'
import { keptLog } from '../../support/kept-log.ts'

export interface Exchanged {
  /** The app's Cookie header, as `name=value` in order. */
  readonly heard: readonly string[]
  readonly changes: Changes
  /** The Set-Cookie values that reach the client. */
  readonly passed: readonly string[]
}

export function vaultedApp(names: readonly string[], options: Partial<CookiesOptions> = {}, visitor = new Visitor()) {
  const log = keptLog()
  const carrier = cookiesCarrier({ names: new CookieNames(names), adopt: false, touchIntervalMs: 60_000, log, ...options })
  return {
    visitor, log,
    /** One request, answered with `setCookies`; what changed is committed. `dropped`: vaulted names that the client sent itself. */
    async request(setCookies: readonly string[] = [], at: Partial<RequestHead> & { sent?: readonly string[] } = {}): Promise<Exchanged> {
      const dropped = (at.sent ?? []).map((pair) => ({ name: pair.slice(0, pair.indexOf('=')), value: pair.slice(pair.indexOf('=') + 1) }))
      const request: RequestHead = { method: 'GET', target: '/', path: '/', host: 'app.example', secure: true, headers: [], cookies: [], dropped, ...at }
      const under = await carrier.begin(visitor.view(), request)
      const response = { status: 200, headers: setCookies.flatMap((value) => ['Set-Cookie', value]) }
      const changes = under.capture(response)
      visitor.commit(changes)
      await under.settle('complete')
      return { heard: request.cookies.map(({ name, value }) => `${name}=${value}`), changes, passed: response.headers.filter((_, i) => i % 2 === 1) }
    },
  }
}
