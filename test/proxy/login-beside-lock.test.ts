/** A login while another request has its session to itself, for longer than anybody should wait. */
import { expect, it } from 'vitest'
import { httpApp } from '../support/origin-app.ts'
import { ask } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { TokenHolder } from '../support/visitor.ts'

it('is answered, and saved under the token that is there; the next answer that can brings the new one', async () => {
  let finish: (() => void) | undefined
  await using app = await httpApp((request, response) => {
    if (request.url === '/begin') response.setHeader('Set-Cookie', 'sid=anonymous')
    if (request.url === '/login') response.setHeader('Set-Cookie', 'remember_me=alice')
    if (request.url === '/export') finish = () => response.end('exported')
    else response.end(request.headers.cookie ?? '')
  })
  await using sidecar = await runSidecar(app, { routes: [{ match: '/export', lock: 'exclusive' }] })
  const visitor = new TokenHolder(sidecar.address)
  await visitor.get('/begin')
  const before = visitor.cookie
  const exporting = ask(sidecar.address, visitor.request('/export'))
  await until('the export is under way', () => finish !== undefined, 5_000)
  expect((await visitor.get('/login')).status).toBe(200)
  expect(visitor.cookie?.split('.')[0]).toBe(before?.split('.')[0])
  expect((await visitor.get('/')).body).toBe('sid=anonymous; remember_me=alice')
  finish?.()
  await exporting
  await visitor.get('/')
  expect(visitor.cookie?.split('.')[0]).not.toBe(before?.split('.')[0])
  expect((await visitor.get('/')).body).toBe('sid=anonymous; remember_me=alice')
})
