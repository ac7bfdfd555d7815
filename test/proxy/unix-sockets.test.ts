import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { bodyOf, httpApp, rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

let folder: TemporaryFolder
beforeAll(async () => { folder = await temporaryFolder() })
afterAll(async () => { await folder[Symbol.asyncDispose]() })

let count = 0
const path = (): string => join(folder.path, `${count += 1}.sock`)

describe('unix sockets on both sides', () => {
  it('carry requests, bodies, sessions, and many at a time', async () => {
    await using app = await httpApp((request, response) => { if (request.method === 'POST') void bodyOf(request).then((body) => response.end(body)); else cookieApp(request, response) }, { unix: path() })
    await using sidecar = await runSidecar(app, { listen: { unix: path() } })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    expect((await visitor.get('/')).body).toBe('sid=mine')
    expect((await ask(sidecar.address, 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')).body).toBe('hello')
    const answers = await Promise.all(Array.from({ length: 50 }, () => visitor.get('/')))
    expect(answers.every(({ body }) => body === 'sid=mine')).toBe(true)
  })

  it('carry WebSockets', async () => {
    await using app = await httpApp(cookieApp, { unix: path() })
    new WebSocketServer({ server: app.server }).on('connection', (socket) => { socket.on('message', (data) => { socket.send(data) }) })
    const listen = path()
    await using sidecar = await runSidecar(app, { listen: { unix: listen } })
    expect(sidecar.address).toEqual({ unix: listen })
    const socket = new WebSocket(`ws+unix:${listen}:/chat`)
    await once(socket, 'open')
    socket.send('hello')
    expect(String((await once(socket, 'message'))[0])).toBe('hello')
    socket.terminate()
  })

  it('believe the forwarding headers of who may open the socket, and name no address', async () => {
    await using app = await httpApp((_, response) => { response.end() }, { unix: path() })
    await using sidecar = await runSidecar(app, { listen: { unix: path() }, trustedProxies: [] })
    await ask(sidecar.address, get('/', ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-Proto: https']))
    const [seen = { headers: [] }] = app.requests
    expect([headerValues(seen, 'x-forwarded-for'), headerValue(seen, 'x-forwarded-proto'), headerValue(seen, 'host')]).toEqual([['1.2.3.4, unknown'], 'https', 'app.example'])
  })

  it('tell of an app that is down, and of one that breaks', async () => {
    await using down = await runSidecar({ unix: path() })
    expect(headerValue(await ask(down.address, get('/')), 'unstick-error')).toBe('upstream_unreachable')
    await using app = await rawReplies((socket) => { socket.destroy() }, { unix: path() })
    await using broken = await runSidecar(app)
    expect(headerValue(await ask(broken.address, get('/')), 'unstick-error')).toBe('upstream_broke')
  })

  it('cut an answer that breaks off', async () => {
    await using app = await rawReplies((socket) => { socket.end('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf') }, { unix: path() })
    await using sidecar = await runSidecar(app, { listen: { unix: path() } })
    using client = await RawClient.connect(sidecar.address)
    await expect(client.send(get('/')).response()).rejects.toThrow(/was (?:closed|reset) before/)
  })

  it('leave nothing behind when the sidecar stops', async () => {
    await using app = await httpApp(cookieApp)
    const listen = path()
    const sidecar = await runSidecar(app, { listen: { unix: listen } })
    expect(existsSync(listen)).toBe(true)
    await sidecar.stop()
    expect(existsSync(listen)).toBe(false)
  })
})
