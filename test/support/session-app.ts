/** A files carrier over a folder, and its requests one by one: for tests that play the app themselves. */
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import type { Changes, Outcome } from '../../src/carrier/carrier.ts'
import { filesCarrier, type FilesCarrierOptions } from '../../src/carrier/files.ts'
import type { Visitor } from '../conformance/carrier-subject.ts'
import { keptLog } from './kept-log.ts'
import { requestWith } from './request-head.ts'

export interface SessionApp {
  readonly folder: string
  readonly log: ReturnType<typeof keptLog>
  readonly path: (id: string) => string
  /**
   * A request with the visitor's cookies: `app` plays the app, and may answer with Set-Cookie headers. What changed is
   * committed to the visitor, and given back.
   */
  request(visitor: Visitor, app?: () => readonly string[] | void | Promise<readonly string[] | void>, outcome?: Outcome): Promise<Changes>
}

export const COOKIE = 'sid'

export function sessionApp(folder: string, options: Partial<FilesCarrierOptions> = {}): SessionApp {
  const log = keptLog()
  const path = (id: string) => join(folder, `sess_${id}`)
  const carrier = filesCarrier({
    rules: [{ cookie: COOKIE, id: undefined, render: path }],
    clock: systemClock, log, touchIntervalMs: 60_000, lockWaitMs: 5000, maxBytes: 100_000,
    ...options,
  })
  return {
    folder, log, path,
    async request(visitor, app, outcome = 'complete') {
      const cookies = [...visitor.cookies].map(([name, value]) => ({ name, value }))
      const exchange = await carrier.begin(visitor.view(), requestWith(cookies))
      const setCookies = (await app?.()) ?? []
      exchange.capture({ status: 200, headers: setCookies.flatMap((value) => ['Set-Cookie', value]) })
      const changes = await exchange.settle(outcome)
      visitor.commit(changes)
      return changes
    },
  }
}
