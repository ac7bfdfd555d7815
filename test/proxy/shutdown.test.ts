import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Address } from '../../src/config/config.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { countingStore } from '../support/counting-store.ts'
import { httpApp } from '../support/origin-app.ts'
import { ask, get, headerValue, RawClient } from '../support/raw-client.ts'
import { type RunningSidecar, runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

function slowApp() {
  const waiting: ServerResponse[] = []
  const app = httpApp((request, response) => { if (request.url?.startsWith('/slow') === true) waiting.push(response); else cookieApp(request, response) })
  return { app, waiting }
}

const refuses = (address: Address): Promise<boolean> => new Promise((resolve) => {
  const socket = 'unix' in address ? connect(address.unix) : connect(address.port, address.host)
  socket.on('connect', () => { socket.destroy(); resolve(false) }).on('error', () => { resolve(true) })
})

describe('a sidecar that is told to stop', () => {
  it('turns unready, takes no new connections, finishes what is in flight, and then is gone', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { drainMs: 10_000 } })
    const asked = ask(sidecar.address, get('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    expect((await ask(sidecar.admin, get('/readyz'))).status).toBe(200)
    const stopped = sidecar.stop()
    expect(await ask(sidecar.admin, get('/readyz', ['Connection: close']))).toMatchObject({ status: 503, body: 'draining\n' })
    expect((await ask(sidecar.admin, get('/livez', ['Connection: close']))).status).toBe(200)
    expect(await refuses(sidecar.address)).toBe(true)
    slow.waiting[0]?.end('finished')
    const response = await asked
    expect([response.body, headerValue(response, 'connection')]).toEqual(['finished', 'close'])
    await stopped
    expect(await refuses(sidecar.admin)).toBe(true)
    expect(app.sockets.size).toBe(0)
  })

  it('closes idle connections at once', async () => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app, { limits: { drainMs: 60_000 } })
    using client = await RawClient.connect(sidecar.address)
    await client.send(get('/')).response()
    const since = performance.now()
    await sidecar.stop()
    expect(performance.now() - since).toBeLessThan(2_000)
    expect(await client.ended()).toBe('closed')
  })

  it('closes connections whose answers had begun before, as soon as these are out', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { drainMs: 60_000 } })
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    slow.waiting[0]?.write('begun')
    await client.until('begun')
    const stopped = sidecar.stop()
    slow.waiting[0]?.end('finished')
    await client.until('finished\r\n0\r\n\r\n')
    const since = performance.now()
    await stopped
    expect(performance.now() - since).toBeLessThan(2_000)
  })

  it('answers a request on a kept connection, and closes it', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { drainMs: 10_000 } })
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/slow?1'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    const stopped = sidecar.stop()
    client.send(get('/set?x'))
    slow.waiting[0]?.end('one')
    expect((await client.response()).body).toBe('one')
    await stopped
    await client.ended()
  })

  it.each(['without', 'with'])('answers 503 draining to what is still waiting after the deadline: %s a session', async (kind) => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { drainMs: 300 } })
    const visitor = new TokenHolder(sidecar.address)
    if (kind === 'with') await visitor.get('/set?mine')
    const asked = visitor.get('/slow')
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    await sidecar.stop()
    const response = await asked
    expect([response.status, headerValue(response, 'unstick-error'), headerValue(response, 'retry-after'), headerValue(response, 'connection')]).toEqual([503, 'draining', '1', 'close'])
    await until('the app\'s connection is closed', () => app.sockets.size === 0, 5_000)
  })

  it('cuts answers that are not whole after the deadline', async () => {
    const slow = slowApp()
    await using app = await slow.app
    await using sidecar = await runSidecar(app, { limits: { drainMs: 200 } })
    using client = await RawClient.connect(sidecar.address)
    client.send(get('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    slow.waiting[0]?.write('begun')
    await client.until('begun\r\n')
    await sidecar.stop()
    expect(await client.rest().catch(() => '')).toBe('')
  })

  it('answers 503 draining to who waits for a session\'s lease, gives leases back, and sends nothing more to the app', async () => {
    const slow = slowApp()
    await using app = await slow.app
    const store = countingStore(memoryStore({ clock: systemClock }))
    await using sidecar = await runSidecar(app, { store, limits: { drainMs: 300 }, routes: [{ match: '/**', lock: 'exclusive', lockWaitMs: 30_000 }] })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    const before = store.calls['release'] ?? 0
    const first = visitor.get('/slow?1')
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    const second = new TokenHolder(sidecar.address, visitor.cookie).get('/slow?2')
    await until('it waits', async () => (await ask(sidecar.admin, get('/metrics'))).body.includes('unstick_lock_waiting 1'), 5_000)
    await sidecar.stop()
    for (const response of await Promise.all([first, second])) expect(headerValue(response, 'unstick-error')).toBe('draining')
    expect(app.requests.map(({ target }) => target)).toEqual(['/set?mine', '/slow?1'])
    expect(store.calls['release']).toBe(before + 1)
  })
})

describe('a sidecar that is told to stop after a client with a session has hung up', () => {
  async function hungUp(drainMs: number, body: (context: { answer: ServerResponse; sidecar: RunningSidecar; next: () => Promise<string> }) => Promise<void>): Promise<void> {
    const slow = slowApp()
    await using app = await slow.app
    const store = { ...countingStore(memoryStore({ clock: systemClock })), close: () => Promise.resolve() }
    await using sidecar = await runSidecar(app, { store, limits: { drainMs, upstreamTimeoutMs: 60_000 } })
    await using other = await runSidecar(app, { store })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    const client = await RawClient.connect(sidecar.address)
    client.send(visitor.request('/slow'))
    await until('the app has it', () => slow.waiting.length === 1, 5_000)
    client.reset()
    await client.ended()
    await ask(sidecar.address, 'GARBAGE\r\n\r\n')
    const [answer] = slow.waiting
    if (answer === undefined) throw new Error('the app has no request')
    await body({ answer, sidecar, next: async () => (await new TokenHolder(other.address, visitor.cookie).get('/')).body })
  }

  it('waits for the app, and commits what it says', () => hungUp(20_000, async ({ answer, sidecar, next }) => {
    const stopped = sidecar.stop()
    for (let i = 0; i < 5; i += 1) expect((await ask(sidecar.admin, get('/readyz', ['Connection: close']))).status).toBe(503)
    answer.setHeader('Set-Cookie', 'sid=two').end()
    await stopped
    expect(await next()).toBe('sid=two')
  }))

  it('waits until its lease is given back, too', async () => {
    await using app = await httpApp(cookieApp)
    const memory = memoryStore({ clock: systemClock })
    const gate = Promise.withResolvers<void>()
    const store = { ...countingStore(memory), release: async (...call: Parameters<SessionStore['release']>) => { await gate.promise; return await memory.release(...call) } }
    await using sidecar = await runSidecar(app, { store, limits: { drainMs: 20_000 }, routes: [{ match: '/', lock: 'exclusive' }] })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?one')
    await visitor.get('/')
    const stopped = sidecar.stop()
    // The admin port goes last.
    for (let i = 0; i < 5; i += 1) expect((await ask(sidecar.admin, get('/readyz', ['Connection: close']))).status).toBe(503)
    gate.resolve()
    await stopped
  })

  it('waits no longer than the deadline', () => hungUp(300, async ({ answer, sidecar }) => {
    const closed = once(answer, 'close')
    const since = performance.now()
    await sidecar.stop()
    expect(performance.now() - since).toBeGreaterThan(290)
    expect(performance.now() - since).toBeLessThan(5_000)
    await closed
  }))
})

describe('the admin port', () => {
  it('tells that the sidecar is alive and ready, and knows nothing else', async () => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app)
    expect(await ask(sidecar.admin, get('/livez'))).toMatchObject({ status: 200, body: 'alive\n' })
    expect(await ask(sidecar.admin, get('/readyz?verbose'))).toMatchObject({ status: 200, body: 'ready\n' })
    expect((await ask(sidecar.admin, get('/readyz', [], 'HEAD'), { bodiless: true })).status).toBe(200)
    expect((await ask(sidecar.admin, get('/'))).status).toBe(404)
    expect((await ask(sidecar.admin, get('/livez', [], 'DELETE'))).status).toBe(405)
    expect(app.requests).toEqual([])
  })

  it('is never on the public port', async () => {
    await using app = await httpApp((_, response) => { response.end('app') })
    await using sidecar = await runSidecar(app)
    for (const target of ['/livez', '/readyz', '/metrics']) expect((await ask(sidecar.address, get(target))).body).toBe('app')
  })

  it('is ready while the store is down', async () => {
    await using app = await httpApp(cookieApp)
    const store = countingStore(memoryStore({ clock: systemClock }))
    await using sidecar = await runSidecar(app, { store })
    await store.close()
    const visitor = new TokenHolder(sidecar.address)
    expect((await visitor.get('/set?x')).status).toBe(503)
    expect((await ask(sidecar.admin, get('/readyz'))).status).toBe(200)
  })

  it('shows metrics, to who knows the token if there is one', async () => {
    await using app = await httpApp(cookieApp)
    await using open = await runSidecar(app)
    const visitor = new TokenHolder(open.address)
    await visitor.get('/set?1')
    await visitor.get('/')
    await visitor.get('/end')
    await new TokenHolder(open.address, 'unstick=forged').get('/')
    const page = await ask(open.admin, get('/metrics'))
    expect(headerValue(page, 'content-type')).toMatch(/^text\/plain/)
    for (const line of [
      'unstick_requests_total{status="2xx",error=""} 4', 'unstick_sessions_created_total 1', 'unstick_sessions_destroyed_total 1',
      'unstick_sessions_opened_total{result="found"} 2', 'unstick_tokens_refused_total 1', 'unstick_requests_in_flight 0', 'unstick_added_latency_seconds_count 4',
    ]) expect(page.body).toContain(line)

    await using closed = await runSidecar(app, { adminToken: 'the right token' })
    for (const header of [[], ['Authorization: Bearer wrong'], ['Authorization: Basic dGhlIHJpZ2h0IHRva2Vu'], ['Authorization: Bearer the right tokens']]) {
      const refused = await ask(closed.admin, get('/metrics', header))
      expect(refused.status).toBe(401)
      expect(refused.body).not.toContain('unstick_requests')
    }
    expect((await ask(closed.admin, get('/metrics', ['Authorization: Bearer the right token']))).status).toBe(200)
    expect((await ask(closed.admin, get('/readyz'))).status).toBe(200)
  })
})
