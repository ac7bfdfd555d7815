/** What an answer says, and does not say, of the session behind it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Address } from '../../src/config/config.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { httpApp } from '../support/origin-app.ts'
import { get, RawClient } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'

const originOf = (address: Address): string => ('unix' in address ? '' : `http://127.0.0.1:${address.port}`)
const ask = (address: Address, path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(originOf(address) + path, { headers })
const tokenOf = (response: Response): string => response.headers.getSetCookie().find((cookie) => cookie.startsWith('unstick='))?.split(';')[0] ?? ''
const metrics = async (admin: Address): Promise<string> => (await ask(admin, '/metrics')).text()

/** An app whose paths say what it does: set a cookie, take it away, or wait until told. */
function app(waiting: ServerResponse[] = []) {
  return httpApp((request, response) => {
    if (request.url === '/login') response.setHeader('Set-Cookie', 'sid=one; Path=/')
    if (request.url === '/logout') response.setHeader('Set-Cookie', 'sid=; Path=/; Max-Age=0')
    if (request.url === '/slow') waiting.push(response)
    else response.end(request.headers.cookie ?? '')
  })
}

it('a late answer of a session that somebody else has ended does not take the client\'s token away', async () => {
  const waiting: ServerResponse[] = []
  await using origin = await app(waiting)
  await using sidecar = await runSidecar(origin)
  const token = tokenOf(await ask(sidecar.address, '/login'))
  const slow = ask(sidecar.address, '/slow', { cookie: token })
  await until('the app has it', () => waiting.length === 1, 5_000)
  expect((await ask(sidecar.address, '/logout', { cookie: token })).headers.getSetCookie()).toEqual([expect.stringContaining('Max-Age=0')])
  waiting[0]?.setHeader('Set-Cookie', 'sid=late; Path=/').end()
  // The client may have logged in again by now.
  expect((await slow).headers.getSetCookie()).toEqual([])
})

it('an answer whose own Set-Cookie was taken still tells shared caches that it is personal', async () => {
  await using origin = await app()
  await using sidecar = await runSidecar(origin)
  const token = tokenOf(await ask(sidecar.address, '/login'))
  // The same cookie again: nothing to write, and the app's header is not for the client.
  expect(tokenOf(await ask(sidecar.address, '/login', { cookie: token }))).toBe(token)
  expect((await ask(sidecar.address, '/', { cookie: token })).headers.getSetCookie()).toEqual([])
})

it('tokens that do not verify and forwarding that is not believed are said in the log, once', async () => {
  await using origin = await app()
  await using sidecar = await runSidecar(origin, { trustedProxies: [] })
  for (let i = 0; i < 2; i += 1) await ask(sidecar.address, '/', { cookie: 'unstick=forged', 'x-forwarded-proto': 'https' })
  expect(sidecar.log().match(/a token cookie did not verify/g)).toHaveLength(1)
  expect(sidecar.log().match(/X-Forwarded-Proto of this peer was ignored/g)).toHaveLength(1)
})

it('a fault of our own is called that, to the client without a word of it and in the log with its place', async () => {
  await using origin = await app()
  const store = memoryStore({ clock: systemClock })
  const faulty: SessionStore = new Proxy(store, {
    get(target, name) {
      if (name === 'open') return () => Promise.reject(new TypeError('a mistake in the code'))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  await using sidecar = await runSidecar(origin, { store: faulty })
  const token = tokenOf(await ask(sidecar.address, '/login'))
  const response = await ask(sidecar.address, '/', { cookie: token })
  expect([response.status, response.headers.get('unstick-error')]).toEqual([500, 'internal'])
  expect(await response.text()).not.toContain('mistake')
  const line = sidecar.log().split('\n').find((text) => text.includes('answered 500')) ?? '{}'
  expect(JSON.parse(line)).toMatchObject({ level: 'error', err: { because: ['a mistake in the code'], stack: expect.stringContaining('session-answers.test.ts') } })
})

it('a client that hangs up counts as that, and not as an error of the app', async () => {
  const waiting: ServerResponse[] = []
  await using origin = await app(waiting)
  await using sidecar = await runSidecar(origin)
  const client = await RawClient.connect(sidecar.address)
  client.send(get('/slow'))
  await until('the app has it', () => waiting.length === 1, 5_000)
  client.reset()
  const page = await until('it is counted', async () => /requests_total\{status="aborted".*/.exec(await metrics(sidecar.admin)), 5_000)
  expect(page[0]).toBe('requests_total{status="aborted",error=""} 1')
})

it('a session whose only client has left before its token went out is not made', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unstick-answers-'))
  const waiting: ServerResponse[] = []
  await using origin = await app(waiting)
  await using sidecar = await runSidecar(origin, { cookies: { names: [] }, files: [{ cookie: 'SID', id: undefined, path: `${folder}/{id}`, render: (id) => join(folder, id) }] })
  const client = await RawClient.connect(sidecar.address)
  client.send(get('/slow'))
  await until('the app has it', () => waiting.length === 1, 5_000)
  writeFileSync(join(folder, 'abc'), 'ada')
  waiting[0]?.writeHead(200, { 'Set-Cookie': 'SID=abc; Path=/', 'Content-Length': '10' })
  await new Promise<void>((resolve) => { waiting[0]?.write('half', () => resolve()) })
  // Answered behind it, so what the app has written is with the sidecar by now.
  await (await ask(sidecar.address, '/')).text()
  client.reset()
  await until('it is over', async () => (await metrics(sidecar.admin)).includes('status="aborted"'), 5_000)
  expect(await metrics(sidecar.admin)).toContain('unstick_sessions_created_total 0')
  rmSync(folder, { recursive: true })
})

it('a visitor who comes back after the session has lapsed gets the next one\'s token with the head, also of a stream', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'unstick-answers-'))
  let ahead = 0
  const file = join(folder, 'abc')
  await using origin = await httpApp((request, response) => {
    if (request.url === '/login') {
      writeFileSync(file, 'ada')
      response.setHeader('Set-Cookie', 'SID=abc; Path=/; Max-Age=1209600').end()
    } else {
      // Chunked, and the file is written anew: only the end shows that something changed.
      response.write('a page')
      writeFileSync(file, `ada, seen ${request.url}`)
      response.end(request.headers.cookie)
    }
  })
  const files = [{ cookie: 'SID', id: undefined, path: `${folder}/{id}`, render: (id: string) => join(folder, id) }]
  await using sidecar = await runSidecar(origin, { cookies: { names: [] }, files, store: memoryStore({ clock: { now: () => systemClock.now() + ahead } }) })
  const token = tokenOf(await ask(sidecar.address, '/login'))
  ahead = 2 * 1_800_000
  const back = await ask(sidecar.address, '/back', { cookie: token })
  expect(await back.text()).toContain('SID=abc')
  const next = tokenOf(back)
  expect(next.slice(0, 40)).not.toBe(token.slice(0, 40))
  expect(await (await ask(sidecar.address, '/again', { cookie: next })).text()).toContain('SID=abc')
  rmSync(folder, { recursive: true })
})
