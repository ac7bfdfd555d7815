import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics, type Metrics } from '../../../src/admin/metrics.ts'
import { AdminServer, type Readiness } from '../../../src/admin/server.ts'

let metrics: Metrics
let inFlight = 0
const secrets = [{ idText: 'newer1', uses: { token: 5, seal: 0 } }, { idText: 'older1', uses: { token: 0, seal: 0 } }]
beforeEach(() => {
  inFlight = 0
  metrics = createMetrics({ requestsInFlight: () => inFlight, upstreamInFlight: () => 2, requestsWaitingForLock: () => 3, secrets: () => secrets })
})

/** The value of a line, such as `unstick_commits_total{result="failed"}`; undefined: no such line. */
async function value(line: string): Promise<number | undefined> {
  const found = (await metrics.page()).split('\n').find((each) => each.startsWith(`${line} `))
  return found === undefined ? undefined : Number(found.slice(line.length))
}

describe('the metrics', () => {
  it('count requests by status class and error, hang-ups too', async () => {
    metrics.telemetry.request(200, undefined, 0.001)
    metrics.telemetry.request(204, undefined, 0.001)
    metrics.telemetry.request(503, 'store_unavailable', 0.2)
    metrics.telemetry.request(0, undefined, 0.1)
    expect(await value('unstick_requests_total{status="2xx",error=""}')).toBe(2)
    expect(await value('unstick_requests_total{status="5xx",error="store_unavailable"}')).toBe(1)
    expect(await value('unstick_requests_total{status="aborted",error=""}')).toBe(1)
    expect(await value('unstick_added_latency_seconds_count')).toBe(4)
    expect(await value('unstick_added_latency_seconds_bucket{le="0.001"}')).toBe(2)
    // Asking again counts nothing twice.
    expect(await value('unstick_requests_total{status="2xx",error=""}')).toBe(2)
  })

  it('count what becomes of sessions and tokens', async () => {
    metrics.telemetry.sessionOpened('found')
    metrics.telemetry.sessionOpened('missed')
    metrics.telemetry.sessionOpened('missed')
    metrics.telemetry.sessionCreated()
    metrics.telemetry.sessionDestroyed()
    metrics.telemetry.tokenRefused()
    expect(await value('unstick_sessions_opened_total{result="found"}')).toBe(1)
    expect(await value('unstick_sessions_opened_total{result="missed"}')).toBe(2)
    expect(await value('unstick_sessions_created_total')).toBe(1)
    expect(await value('unstick_sessions_destroyed_total')).toBe(1)
    expect(await value('unstick_tokens_refused_total')).toBe(1)
  })

  it.each(['committed', 'ended', 'too_large', 'fenced', 'failed'] as const)('count commits that are %s', async (result) => {
    metrics.telemetry.committed(result)
    expect(await value(`unstick_commits_total{result="${result}"}`)).toBe(1)
  })

  it.each(['captured', 'missing', 'too_large', 'malformed', 'unfinished'] as const)('count captures that are %s', async (result) => {
    metrics.telemetry.captured(result)
    expect(await value(`unstick_captures_total{result="${result}"}`)).toBe(1)
  })

  it('count headers that could not be injected', async () => {
    metrics.telemetry.headerRefused()
    expect(await value('unstick_headers_refused_total')).toBe(1)
  })

  it.each(['open', 'commit', 'destroy', 'renew', 'release'] as const)('time the store\'s %s, and count its failures', async (operation) => {
    metrics.telemetry.storeCall(operation, 0.002, false)
    metrics.telemetry.storeCall(operation, 0.002, true)
    expect(await value(`unstick_store_seconds_count{operation="${operation}"}`)).toBe(2)
    expect(await value(`unstick_store_errors_total{operation="${operation}"}`)).toBe(1)
  })

  it('show what is going on when they are read', async () => {
    expect(await value('unstick_requests_in_flight')).toBe(0)
    inFlight = 7
    expect([await value('unstick_requests_in_flight'), await value('unstick_upstream_in_flight'), await value('unstick_lock_waiting')]).toEqual([7, 2, 3])
  })

  it('tell of every secret from the start, also of one that nobody needs', async () => {
    const use = (key: string, use: string): Promise<number | undefined> => value(`unstick_secret_uses_total{key="${key}",use="${use}"}`)
    expect([await use('newer1', 'token'), await use('newer1', 'seal'), await use('older1', 'token'), await use('older1', 'seal')]).toEqual([5, 0, 0, 0])
  })

  it('have names that begin with unstick_, each with a help line', async () => {
    const page = await metrics.page()
    const names = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name ?? '')
    expect(names.length).toBeGreaterThan(12)
    for (const name of names) {
      expect(name).toMatch(/^unstick_/)
      expect(page).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'))
    }
  })
})

const noSessions = { list: async () => [], show: async () => undefined, revoke: async () => false, revokeAll: async () => 0 }

describe('the admin port', () => {
  let server: AdminServer | undefined
  let readiness: Readiness = 'ready'
  afterEach(async () => {
    await server?.close()
    server = undefined
  })

  async function running(token?: string): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
    readiness = 'ready'
    server = new AdminServer({ metrics, sessions: noSessions, readiness: () => readiness, token })
    const address = await server.listen({ host: '127.0.0.1', port: 0 })
    if ('unix' in address) throw new Error('not asked for')
    return (path, init) => fetch(`http://127.0.0.1:${address.port}${path}`, init)
  }

  it('says whether the sidecar is alive and wants traffic', async () => {
    const get = await running('token')
    for (const [state, status] of [['starting', 503], ['ready', 200], ['draining', 503]] as const) {
      readiness = state
      const ready = await get('/readyz')
      expect([ready.status, await ready.text()]).toEqual([status, `${state}\n`])
      expect((await get('/livez')).status).toBe(200)
    }
  })

  it('gives the metrics to anybody when no token is set', async () => {
    const get = await running()
    const page = await get('/metrics?x')
    expect([page.status, page.headers.get('content-type')]).toEqual([200, metrics.contentType])
    expect(await page.text()).toContain('unstick_requests_in_flight 0')
  })

  it('gives the metrics only with the token, when one is set', async () => {
    const get = await running('the-admin-token')
    for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Bearer wrong', 'Basic the-admin-token', 'the-admin-token', 'Bearer the-admin-token2', 'Bearer THE-ADMIN-TOKEN']) {
      const refused = await get('/metrics', authorization === undefined ? {} : { headers: { authorization } })
      expect([authorization, refused.status]).toEqual([authorization, 401])
      expect(await refused.text()).not.toMatch(/unstick_|the-admin-token/)
    }
    for (const authorization of ['Bearer the-admin-token', 'bearer the-admin-token']) {
      const page = await get('/metrics', { headers: { authorization } })
      expect(page.status).toBe(200)
      await page.arrayBuffer()
    }
  })

  it('knows no other paths and methods', async () => {
    const get = await running()
    for (const path of ['/', '/metrics/', '/livezz', '//livez']) expect([path, (await get(path)).status]).toEqual([path, 404])
    expect((await get('/livez', { method: 'POST' })).status).toBe(405)
    expect((await get('/livez', { method: 'HEAD' })).status).toBe(200)
  })
})
