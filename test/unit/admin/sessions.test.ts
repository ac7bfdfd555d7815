import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMetrics } from '../../../src/admin/metrics.ts'
import { AdminServer } from '../../../src/admin/server.ts'
import type { SessionDirectory } from '../../../src/admin/sessions.ts'
import { UnstickError } from '../../../src/errors.ts'

const TOKEN = 'the-admin-token'
const ALICE = { key: 'k'.repeat(43), subject: 'alice', bytes: 7 }

let server: AdminServer | undefined
let asked: string[]
let away: boolean

beforeEach(() => {
  asked = []
  away = false
})
afterEach(async () => {
  await server?.close()
  server = undefined
})

const directory: SessionDirectory = {
  list: async (subject) => { note(`list ${subject}`); return subject === 'alice' ? [ALICE] : [] },
  show: async (key) => { note(`show ${key}`); return key === ALICE.key ? ALICE : undefined },
  revoke: async (key) => { note(`revoke ${key}`); return key === ALICE.key },
  revokeAll: async (subject) => { note(`revoke all ${subject}`); return 2 },
}

function note(what: string): void {
  if (away) throw new UnstickError('store_unavailable', 'the store is away')
  asked.push(what)
}

async function ask(path: string, options: { method?: string; token?: string | undefined; configured?: string | undefined } = {}): Promise<[status: number, body: string]> {
  const { method = 'GET', token = TOKEN, configured = TOKEN } = { ...options }
  await server?.close()
  server = new AdminServer({ metrics: createMetrics({ requestsInFlight: () => 0, upstreamInFlight: () => 0, requestsWaitingForLock: () => 0, secrets: () => [] }), sessions: directory, readiness: () => 'ready', token: configured === '' ? undefined : configured })
  const address = await server.listen({ host: '127.0.0.1', port: 0 })
  if ('unix' in address) throw new Error('not asked for')
  const response = await fetch(`http://127.0.0.1:${address.port}${path}`, { method, ...(token === '' ? {} : { headers: { authorization: `Bearer ${token}` } }) })
  return [response.status, await response.text()]
}

const json = (body: object): string => `${JSON.stringify(body)}\n`

describe('sessions over the admin port', () => {
  it('are told of by subject and by key', async () => {
    expect(await ask('/sessions?subject=alice')).toEqual([200, json({ sessions: [ALICE] })])
    expect(await ask('/sessions?subject=b%26b')).toEqual([200, json({ sessions: [] })])
    expect(await ask(`/sessions/${ALICE.key}`)).toEqual([200, json(ALICE)])
    expect(await ask('/sessions/nobodys')).toEqual([404, json({ error: 'No such session.' })])
    expect(asked).toEqual(['list alice', 'list b&b', `show ${ALICE.key}`, 'show nobodys'])
  })

  it('are ended by subject and by key, with how many', async () => {
    expect(await ask('/sessions?subject=alice', { method: 'DELETE' })).toEqual([200, json({ revoked: 2 })])
    expect(await ask(`/sessions/${ALICE.key}`, { method: 'DELETE' })).toEqual([200, json({ revoked: 1 })])
    expect(await ask('/sessions/nobodys', { method: 'DELETE' })).toEqual([404, json({ revoked: 0 })])
    expect(asked).toEqual(['revoke all alice', `revoke ${ALICE.key}`, 'revoke nobodys'])
  })

  it.each(['/sessions', '/sessions/', '/sessions?subject=', `/sessions/${'k'.repeat(43)}?subject=alice`])('have to be named one way: %s', async (path) => {
    for (const method of ['GET', 'DELETE']) expect((await ask(path, { method }))[0]).toBe(400)
    expect(asked).toEqual([])
  })

  it('are for who has the token, and for nobody where there is none', async () => {
    for (const method of ['GET', 'DELETE']) {
      for (const token of ['', 'wrong', 'The-Admin-Token']) expect((await ask('/sessions?subject=alice', { method, token }))[0]).toBe(401)
      expect((await ask('/sessions?subject=alice', { method, configured: '' }))[0]).toBe(403)
    }
    expect(asked).toEqual([])
  })

  it('are neither made nor changed', async () => {
    for (const method of ['POST', 'PUT', 'PATCH']) expect((await ask('/sessions?subject=alice', { method }))[0]).toBe(405)
    expect(asked).toEqual([])
  })

  it('that cannot be looked up are a fault of the store, and not none', async () => {
    away = true
    expect(await ask('/sessions?subject=alice')).toEqual([503, json({ error: 'the store is away' })])
    expect(await ask('/sessions?subject=alice', { method: 'DELETE' })).toEqual([503, json({ error: 'the store is away' })])
  })
})
