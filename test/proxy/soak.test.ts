import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory.ts'
import { httpApp } from '../support/origin-app.ts'
import { ask, get, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const WARM_UP = 6_000
const REQUESTS = 20_000
const CLIENTS = 16
/** Far below what a leak of half a kilobyte a request would come to; caches that are still filling up to their bounds are in it. */
const MARGIN_BYTES = 8 * 1024 ** 2

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use after everything that can go has gone. */
async function inUse(): Promise<number> {
  for (let i = 0; i < 4; i += 1) {
    collect()
    // Finalizers and closed sockets come round on later turns.
    await new Promise((resolve) => { setImmediate(resolve) })
  }
  return process.memoryUsage().heapUsed
}

it('memory stays flat over 20,000 requests: sessions made, changed and ended, bodies, hang-ups, breaks, forged tokens', async () => {
  let now = 1_800_000_000_000
  await using app = await httpApp((request, response) => {
    if (request.url === '/never') return
    if (request.url === '/reset') request.socket.resetAndDestroy()
    else if (request.url === '/half') { response.setHeader('Content-Length', 100_000).write('x'.repeat(50_000)); setImmediate(() => { request.socket.resetAndDestroy() }) }
    else if (request.method === 'POST') request.resume().on('end', () => response.end('ok'))
    else cookieApp(request, response)
  }, { forgetful: true })
  await using sidecar = await runSidecar(app, { forgetful: true, store: memoryStore({ clock: { now: () => now } }), limits: { upstreamConnections: 64, upstreamTimeoutMs: 2_000 } })

  const hangUp = async (bytes: string): Promise<void> => {
    const client = await RawClient.connect(sidecar.address)
    client.send(bytes)
    await new Promise((resolve) => { setImmediate(resolve) })
    client.reset()
  }

  /** One client with a session of its own and a connection that it keeps. */
  async function visits(name: number, count: number): Promise<void> {
    const visitor = new TokenHolder(sidecar.address)
    let client = await RawClient.connect(sidecar.address)
    const over = async (bytes: string): Promise<void> => {
      if (client.ending !== undefined) client = await RawClient.connect(sidecar.address)
      try {
        visitor.keep(await client.send(bytes).response())
      } catch {
        // An answer that broke off; the connection is gone with it.
        client.socket.destroy()
      }
    }
    await over(visitor.request(`/set?${name}`))
    for (let i = 0; i < count; i += 1) {
      // By the step, so that every run is the same.
      const dice = (i * 7 + name * 13) % 100
      if (dice < 12) await over(visitor.request(`/set?${i}`))
      else if (dice < 15) { await over(visitor.request('/end')); now += 1_000; await over(visitor.request('/set?again')) }
      else if (dice < 25) await over(`POST / HTTP/1.1\r\nHost: a\r\nCookie: ${visitor.cookie}\r\nContent-Length: 20000\r\n\r\n${'x'.repeat(20_000)}`)
      else if (dice < 28) await hangUp(get('/never'))
      else if (dice < 30) await hangUp(visitor.request('/?x'))
      else if (dice < 32) await hangUp('POST /never HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf')
      else if (dice < 34) await over(visitor.request('/reset'))
      else if (dice < 36) await over(visitor.request('/half'))
      else if (dice < 38) await over(get('/', [`Cookie: unstick=${String(i).padStart(6, '0')}${'A'.repeat(43)}.1.${'A'.repeat(22)}`]))
      else await over(visitor.request('/'))
    }
    client.socket.destroy()
  }
  const run = async (requests: number): Promise<void> => {
    await Promise.all(Array.from({ length: CLIENTS }, (_, name) => visits(name, requests / CLIENTS)))
    await until('nothing is in flight', async () => {
      const { body } = await ask(sidecar.admin, get('/metrics'))
      return body.includes('unstick_requests_in_flight 0') && body.includes('unstick_upstream_in_flight 0') && body.includes('unstick_lock_waiting 0')
    }, 10_000)
  }

  await run(WARM_UP)
  const before = await inUse()
  await run(REQUESTS)
  const after = await inUse()
  expect(after - before, `grew from ${before} to ${after} bytes`).toBeLessThan(MARGIN_BYTES)
  expect(app.sockets.size).toBeLessThanOrEqual(64)
}, 180_000)
