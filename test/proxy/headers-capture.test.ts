/** Attributes that are learned from the traffic of an app that knows nothing of unstick: over real sockets. */
import type { IncomingMessage, ServerResponse } from 'node:http'

import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { bodyOf, httpApp } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues, type RawResponse } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'

const LOGIN = `inject: { X-Forwarded-User: "{user}", Authorization: "Bearer {access_token}" }
capture:
  - { on: "POST /login", set: { user: form.username, access_token: json./access_token, role: "header.X-Role?" }, subject: user, strip: [json./access_token] }
  - { on: "POST /logout", destroy: true }`

const post = (target: string, body: string, headers: readonly string[] = ['Content-Type: application/x-www-form-urlencoded']): string =>
  `${get(target, [...headers, `Content-Length: ${Buffer.byteLength(body, 'latin1')}`], 'POST')}${body}`

const tokenOf = (response: RawResponse): string => (headerValue(response, 'set-cookie') ?? '').split(';', 1)[0] ?? ''

/** An app that answers a login with a token, and tells at /me what it hears. */
const apiApp = (login: (request: IncomingMessage, response: ServerResponse, body: string) => void) => httpApp((request, response) => {
  void bodyOf(request).then((body) => {
    if (request.url === '/login') login(request, response, body)
    else response.end(JSON.stringify({ user: request.headers['x-forwarded-user'], authorization: request.headers.authorization }))
  })
})

const tokenApp = () => apiApp((_, response, body) => {
  if (!body.includes('password=right')) response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"error":"wrong"}')
  else response.writeHead(200, { 'Content-Type': 'application/json', ETag: '"v1"' }).end('{"access_token":"s3cret","expires_in":12345678901234567890}')
})

describe('a login', () => {
  it('keeps the token of an API from the client, and sends it with each request, on any replica', async () => {
    const store = memoryStore({ clock: systemClock })
    await using app = await tokenApp()
    await using here = await runSidecar(app, { store, headers: LOGIN })
    await using there = await runSidecar(app, { store, headers: LOGIN })
    const login = await ask(here.address, post('/login', 'username=alice&password=right'))
    expect([login.status, login.body]).toEqual([200, '{"expires_in":12345678901234567890}'])
    expect([headerValue(login, 'content-length'), headerValue(login, 'etag')]).toEqual([String(login.body.length), 'W/"v1"'])
    const cookie = `Cookie: ${tokenOf(login)}`
    expect((await ask(there.address, get('/me', [cookie]))).body).toBe('{"user":"alice","authorization":"Bearer s3cret"}')
    const logout = await ask(here.address, post('/logout', '', [cookie]))
    expect(headerValue(logout, 'set-cookie')).toMatch(/^unstick=;.*Max-Age=0/)
    expect((await ask(there.address, get('/me', [cookie]))).body).toBe('{}')
  })

  it('that the app answers with 200 and no token is none', async () => {
    await using app = await tokenApp()
    await using sidecar = await runSidecar(app, { headers: LOGIN })
    const login = await ask(sidecar.address, post('/login', 'username=alice&password=wrong'))
    expect([login.body, headerValues(login, 'set-cookie')]).toEqual(['{"error":"wrong"}', []])
    expect(sidecar.log()).toContain('a value that it needs was not there')
  })
})
