/** Attributes that the app hears in request headers, and says in response headers: over real sockets and more than one sidecar. */
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { httpApp, type SeenRequest } from '../support/origin-app.ts'
import { ask, get, headerValue, headerValues } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'

/** An app that answers with the headers that the query names, and tells what it heard. */
const says = (...lines: readonly string[]): string =>
  `/?${lines.map((line) => line.split(': ').map(encodeURIComponent).join('=')).join('&')}`

const sayingApp = () => httpApp((request, response) => {
  const asked = new URL(request.url ?? '/', 'http://app').searchParams
  response.writeHead(200, [...asked].flat())
  response.end('ok')
})

const heard = (requests: readonly SeenRequest[], name: string): string[] => headerValues(requests.at(-1) ?? { headers: [] }, name)

const tokenOf = (response: { readonly headers: readonly string[] }): string => (headerValue(response, 'set-cookie') ?? '').split(';', 1)[0] ?? ''

describe('an app that speaks to unstick in headers', () => {
  it('keeps what it sets, and hears it with every request, on any replica', async () => {
    const store = memoryStore({ clock: systemClock })
    await using app = await sayingApp()
    await using here = await runSidecar(app, { store, headers: 'send: X-Session\nreceive: X-Session' })
    await using there = await runSidecar(app, { store, headers: 'send: X-Session\nreceive: X-Session' })
    const first = await ask(here.address, get(says('X-Session-Set: user=alice&cart=tea+and+milk', 'X-Plain: 1')))
    expect(headerValues(first, 'x-session-set')).toEqual([])
    expect(headerValues(first, 'x-plain')).toEqual(['1'])
    const token = tokenOf(first)
    await ask(there.address, get('/', [`Cookie: ${token}`]))
    expect(heard(app.requests, 'x-session')).toEqual(['cart=tea+and+milk&user=alice'])
    await ask(there.address, get(says('X-Session-Set: cart='), [`Cookie: ${token}`]))
    await ask(here.address, get('/', [`Cookie: ${token}`]))
    expect(heard(app.requests, 'x-session')).toEqual(['user=alice'])
    await ask(here.address, get('/'))
    expect(heard(app.requests, 'x-session')).toEqual([])
  })

  it.each([
    ["mod_session's header, which has no word for a login", 'receive: { set: X-Replace-Session }', 'X-Replace-Session', true],
    ['headers with a word for a login, which is not said', 'receive: X-Session', 'X-Session-Set', false],
  ])('gains a name for its session through %s', async (_, receive, header, rotates) => {
    await using app = await sayingApp()
    await using sidecar = await runSidecar(app, { headers: `send: Session\n${receive}` })
    const before = tokenOf(await ask(sidecar.address, get(says(`${header}: cart=tea`))))
    const login = await ask(sidecar.address, get(says(`${header}: user=alice`), [`Cookie: ${before}`]))
    expect(tokenOf(login).slice(0, 50) !== before.slice(0, 50)).toBe(rotates)
    await ask(sidecar.address, get('/', [`Cookie: ${tokenOf(login)}`]))
    // Either way it is added to what was there.
    expect(heard(app.requests, 'session')).toEqual(['cart=tea&user=alice'])
  })
})
