import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock } from '../../src/clock.ts'
import { filesCarrier } from '../../src/carrier/files.ts'
import { keptLog } from '../support/kept-log.ts'
import { requestWith } from '../support/request-head.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type Replica } from './carrier-subject.ts'
import { carrierSuite } from './carrier-suite.ts'

const COOKIE = 'sid'

/** An app that keeps each session in a file that it overwrites in place, and names it in a cookie. */
function replicaIn(folder: string): Replica {
  mkdirSync(folder)
  const path = (id: string) => join(folder, `sess_${id}`)
  const carrier = filesCarrier({
    rules: [{ cookie: COOKIE, id: undefined, render: path }],
    clock: systemClock, log: keptLog(), touchIntervalMs: 60_000, lockWaitMs: 5000, maxBytes: 1_000_000,
  })
  return {
    carrier,
    request: (visitor) => requestWith([...visitor.cookies].map(([name, value]) => ({ name, value }))),
    serve(visitor, request, deed) {
      const sent = request.cookies.find(({ name }) => name === COOKIE)?.value
      const found = sent !== undefined && existsSync(path(sent)) ? readFileSync(path(sent), 'utf8') : undefined
      if (deed === 'nothing') return { found, response: { status: 200, headers: [] } }
      if (deed === 'end') {
        if (sent !== undefined) unlinkSync(path(sent))
        visitor.cookies.delete(COOKIE)
        return { found, response: { status: 200, headers: ['Set-Cookie', `${COOKIE}=deleted; Max-Age=0`] } }
      }
      const id = sent ?? randomBytes(12).toString('hex')
      writeFileSync(path(id), deed.write)
      visitor.cookies.set(COOKIE, id)
      return { found, response: { status: 200, headers: sent === undefined ? ['Set-Cookie', `${COOKIE}=${id}; HttpOnly`] : [] } }
    },
  }
}

carrierSuite('files', async () => {
  const root = await temporaryFolder()
  return {
    replicas: [replicaIn(join(root.path, 'a')), replicaIn(join(root.path, 'b'))],
    prefix: 'file:',
    close: async () => { await root[Symbol.asyncDispose]() },
  }
})
