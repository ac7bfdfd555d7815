import type { ServerResponse } from 'node:http'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { countingStore } from '../support/counting-store.ts'
import { httpApp } from '../support/origin-app.ts'
import { ask, get, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { storeOver } from '../support/store-over.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const folder = mkdtempSync(join(tmpdir(), 'unstick-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** An app whose `/slow` requests wait for the test. */
function slowApp() {
  const waiting: ServerResponse[] = []
  let gone = 0
  const app = httpApp((request, response) => {
    if (request.url?.startsWith('/slow') !== true) { cookieApp(request, response); return }
    request.resume()
    response.on('close', () => { if (!response.writableFinished) gone += 1 })
    waiting.push(response)
  })
  return { app, waiting, gone: () => gone }
}

const leave = { reset: (client: RawClient) => { client.reset() }, close: (client: RawClient) => { client.socket.destroy() } }

describe('a client without a session that hangs up', () => {
  it.each(['reset', 'close'] as const)('by a %s before the head: the app sees its connection close at once', async (how) => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 60_000 } })
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    const since = performance.now()
    leave[how](client)
    await until('its connection closes', () => slow.gone() === 1, 5_000)
    expect(performance.now() - since).toBeLessThan(1_000)
  })

  it.each(['reset', 'close'] as const)('by a %s during the body: likewise', async (how) => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    slow.waiting[0]?.write('some')
    await client.until('some')
    leave[how](client)
    await until('its connection closes', () => slow.gone() === 1, 5_000)
  })

  it('during its upload: likewise, and the app never sees the upload\'s end', async () => {
    let ended = false
    let closed = false
    await using app = await httpApp((request) => { request.resume().on('end', () => { ended = true }).on('close', () => { closed = true }) })
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf')
    await until('the app has it', () => app.requests.length === 1, 5_000)
    client.reset()
    await until('its connection closes', () => closed, 5_000)
    expect(ended).toBe(false)
  })

  it('while it waits for a connection to the app: its request is never sent', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { upstreamConnections: 1 } })
    const first = ask(sidecar.address, get('/slow'))
    await until('the connection is busy', () => slow.waiting.length === 1, 5_000)
    const client = await RawClient.connect(sidecar.address)
    client.send(get('/never'))
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    client.reset()
    await client.ended()
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    slow.waiting[0]?.end('done')
    expect((await first).body).toBe('done')
    await ask(sidecar.address, get('/marker'))
    expect(app.requests.map(({ target }) => target)).toEqual(['/slow', '/marker'])
  })

  it('of two that are pipelined: both of the app\'s connections close', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app)
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/slow') + get('/slow'))
    await until('the app has them', () => slow.waiting.length === 2, 5_000)
    client.reset()
    await until('their connections close', () => slow.gone() === 2, 5_000)
  })
})

describe('a client with a session that hangs up', () => {
  it('while it waits for a connection to the app: its request is never sent, its lease is free at once, and the connection goes to the next', async () => {
    const slow = slowApp()
    await using app = await slow.app
    const store = countingStore(memoryStore({ clock: systemClock }))
    await using sidecar = await runSidecar(app, { store, limits: { upstreamConnections: 1 }, routes: [{ match: '/order', lock: 'exclusive' }] })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    const first = ask(sidecar.address, get('/slow'))
    await until('the connection is busy', () => slow.waiting.length === 1, 5_000)
    for (let i = 1; i <= 3; i += 1) {
      const client = await RawClient.connect(sidecar.address)
      client.send(visitor.request('/order', ['Content-Length: 0'], 'POST'))
      await until('it has its lease', () => (store.calls['open'] ?? 0) >= i, 5_000)
      client.reset()
      await until('the lease is given back', () => store.calls['release'] === i, 5_000)
    }
    slow.waiting[0]?.end('done')
    expect((await first).body).toBe('done')
    expect((await visitor.get('/marker')).body).toBe('sid=one')
    expect(app.requests.map(({ target }) => target)).toEqual(['/set?one', '/slow', '/marker'])
    expect(app.connections()).toBe(1)
  })

  it('before the head: what the app sets in it is there for the next request', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app)
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    const client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    client.reset()
    await client.ended()
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    slow.waiting[0]?.setHeader('Set-Cookie', 'sid=two').end('nobody reads this')
    await until('the next request has it', async () => (await visitor.get('/')).body === 'sid=two', 5_000)
  })

  it('at a login, and then at the logout: the session is over, and no token leads to it', async () => {
    const slow = slowApp()
    await using app = await slow.app
    const store = memoryStore({ clock: systemClock })
    const states: string[] = []
    await using sidecar = await runSidecar(app, { store: storeOver(store, { commit: async (key, delta) => {
      const committed = await store.commit(key, delta)
      states.push(committed.state)
      return committed
    } }) })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    for (const cookies of [['remember_me=1'], ['sid=; Max-Age=0', 'remember_me=; Max-Age=0']]) {
      const before = states.length
      const client = await RawClient.connect(sidecar.address)
      client.send(visitor.request('/slow'))
      await until('the app has it', () => slow.waiting.length === 1, 5_000)
      client.reset()
      await client.ended()
      await ask(sidecar.address, 'GARBAGE\r\n\r\n')
      slow.waiting.shift()?.setHeader('Set-Cookie', cookies).end()
      await until('its changes are written', () => states.length > before, 3_000, () => states.join())
    }
    expect(states).toEqual(['committed', 'committed', 'ended'])
  })

  it('before the head of an endless answer: its app\'s connection closes when the head was committed', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app)
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    const client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    client.reset()
    await client.ended()
    slow.waiting[0]?.setHeader('Set-Cookie', 'sid=two').write('data: 1\n\n')
    await until('its connection closes', () => slow.gone() === 1, 5_000)
    await until('the next request has it', async () => (await visitor.get('/')).body === 'sid=two', 5_000)
  })

  it('before an app that never answers: its connection closes after the upstream timeout', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { upstreamTimeoutMs: 500 } })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    const client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    client.reset()
    await until('its connection closes', () => slow.gone() === 1, 10_000)
    expect((await visitor.get('/')).body).toBe('sid=one')
  })

  it('during the body: the app\'s connection closes at once, and what the head set stays', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app)
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    const client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    slow.waiting[0]?.setHeader('Set-Cookie', 'sid=two').write('some')
    await client.until('some')
    client.reset()
    await until('its connection closes', () => slow.gone() === 1, 5_000)
    expect((await visitor.get('/')).body).toBe('sid=two')
  })

  it('under session files: what the app writes before it ends is there for the next request', async () => {
    const file = join(folder, 'sess_abc')
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { files: [{ cookie: 'sid', id: undefined, path: `${folder}/sess_{id}`, render: (id) => join(folder, `sess_${id}`) }] })
    const visitor = new TokenHolder(sidecar.address)
    writeFileSync(file, 'old')
    await visitor.get('/set?abc')
    const client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    client.reset()
    await client.ended()
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    writeFileSync(file, 'new')
    slow.waiting[0]?.end()
    // Requests of one session run one at a time: when this one has been answered, the one before is over.
    await visitor.get('/')
    // As on another replica: the file is not there, and must come from the store.
    rmSync(file)
    await visitor.get('/')
    expect(readFileSync(file, 'utf8')).toBe('new')
  })
})
