import { cookiesCarrier } from '../../src/carrier/cookies.ts'
import { CookieNames } from '../../src/http/cookie-names.ts'
import { keptLog } from '../support/kept-log.ts'
import { requestWith } from '../support/request-head.ts'
import type { Replica } from './carrier-subject.ts'
import { carrierSuite } from './carrier-suite.ts'

const COOKIE = 'state'

/** An app that keeps all its state in a cookie, and nothing itself. */
function replica(): Replica {
  return {
    carrier: cookiesCarrier({ names: new CookieNames([COOKIE]), adopt: false, touchIntervalMs: 60_000, log: keptLog() }),
    request: () => requestWith([{ name: 'other', value: '1' }]),
    serve(_, request, deed) {
      const found = request.cookies.find(({ name }) => name === COOKIE)?.value
      const said = deed === 'nothing' ? [] : ['Set-Cookie', deed === 'end' ? `${COOKIE}=; Max-Age=0` : `${COOKIE}=${deed.write}; HttpOnly`]
      return { found, response: { status: 200, headers: ['Content-Type', 'text/plain', ...said] } }
    },
  }
}

carrierSuite('cookies', async () => ({ replicas: [replica(), replica()], prefix: 'cookie:', close: async () => undefined }))
