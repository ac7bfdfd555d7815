import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { probe } from '../../../src/admin/probe.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const servers: Server[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => { server.close(resolve) })
  }
})

/** Something that answers /readyz with `status` and `line`, or not at all, where `at` says. */
async function admin(status: number, line: string, at: { host: string } | { unix: string } = { host: '127.0.0.1' }): Promise<number> {
  const server = createServer((request, response) => {
    response.writeHead(request.url === '/readyz' ? status : 404)
    response.end(`${line}\n`)
  })
  servers.push(server)
  await new Promise<void>((resolve) => {
    if ('unix' in at) server.listen(at.unix, resolve)
    else server.listen(0, at.host, resolve)
  })
  return 'unix' in at ? 0 : (server.address() as AddressInfo).port
}

describe('probe', () => {
  it('says what the sidecar says of itself', async () => {
    expect(await probe({ host: '127.0.0.1', port: await admin(200, 'ready') })).toEqual({ ready: true, says: 'ready' })
    expect(await probe({ host: '127.0.0.1', port: await admin(503, 'draining') })).toEqual({ ready: false, says: 'draining' })
  })

  it('asks on loopback where the admin port is on all addresses', async () => {
    expect(await probe({ host: '0.0.0.0', port: await admin(200, 'ready', { host: '0.0.0.0' }) })).toMatchObject({ ready: true })
    expect(await probe({ host: '::', port: await admin(200, 'ready', { host: '::' }) })).toMatchObject({ ready: true })
  })

  it('asks a unix socket', async () => {
    await using folder = await temporaryFolder()
    const unix = join(folder.path, 'admin.sock')
    await admin(200, 'ready', { unix })
    expect(await probe({ unix })).toMatchObject({ ready: true })
  })

  it('takes one that cannot be asked for one that is not ready', async () => {
    const { ready, says } = await probe({ host: '127.0.0.1', port: 9 })
    expect(ready).toBe(false)
    expect(says).toMatch(/^no answer from port 9: /)
  })
})
