import { headersCarrier } from '../../src/carrier/headers.ts'
import { silent } from '../../src/telemetry.ts'
import { keptLog } from '../support/kept-log.ts'
import { requestWith } from '../support/request-head.ts'
import type { Replica } from './carrier-subject.ts'
import { carrierSuite } from './carrier-suite.ts'

const ATTRIBUTE = 'state'

/** An app that keeps all its state in an attribute, and nothing itself. */
function replica(): Replica {
  return {
    carrier: headersCarrier({
      send: 'X-Session', format: 'form', id: undefined, inject: [], receive: { set: 'X-Session-Set', destroy: 'X-Session-Destroy' },
      rules: { match: () => [] }, headerBytes: 32_768, entryBytes: 1_048_576, telemetry: silent, log: keptLog(),
    }),
    request: () => requestWith([]),
    serve(_, request, deed) {
      const at = request.headers.indexOf('X-Session')
      const found = at === -1 ? undefined : (new URLSearchParams(request.headers[at + 1]).get(ATTRIBUTE) ?? undefined)
      const withheld = deed === 'nothing' ? [] : ['X-Session-Set', `${ATTRIBUTE}=${deed === 'end' ? '' : deed.write}`]
      return { found, response: { status: 200, headers: ['Content-Type', 'text/plain'], withheld } }
    },
  }
}

carrierSuite('headers', async () => ({ replicas: [replica(), replica()], prefix: 'attribute:', close: async () => undefined }))
