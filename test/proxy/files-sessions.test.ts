/** Sessions in files over two sidecars that share a store: what a client has seen, the other replica knows. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { FilesRule } from '../../src/config/config.ts'
import { UnstickError } from '../../src/errors.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { type HttpApp, httpApp } from '../support/origin-app.ts'
import { ask as askRaw, RawClient } from '../support/raw-client.ts'
import { type Overrides, type RunningSidecar, runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { TokenHolder } from '../support/visitor.ts'

const ID = 'a'.repeat(32)
const NEXT = 'b'.repeat(32)

type Play = (folder: string, request: IncomingMessage, response: ServerResponse) => void | Promise<void>

interface Replica {
  readonly folder: string
  readonly app: HttpApp
  readonly sidecar: RunningSidecar
  readonly origin: string
}

let root: string
let store: SessionStore
let play: Play
const running: Replica[] = []

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'unstick-files-'))
  store = memoryStore({ clock: systemClock })
})

afterEach(async () => {
  for (const { sidecar, app } of running.splice(0)) {
    await sidecar.stop()
    await app[Symbol.asyncDispose]()
  }
  rmSync(root, { recursive: true })
})

async function replica(name: string, shared: SessionStore = store, limits: Overrides['limits'] = {}): Promise<Replica> {
  const folder = join(root, name)
  mkdirSync(folder)
  const app = await httpApp((request, response) => { void play(folder, request, response) })
  const rule: FilesRule = { cookie: 'SID', id: undefined, path: `${folder}/{id}`, render: (id) => join(folder, id) }
  const sidecar = await runSidecar(app, { cookies: { names: [] }, files: [rule], store: shared, limits })
  if ('unix' in sidecar.address) throw new Error('a port was expected')
  const started = { folder, app, sidecar, origin: `http://127.0.0.1:${sidecar.address.port}` }
  running.push(started)
  return started
}

const tokenOf = (response: Response): string => response.headers.getSetCookie().find((cookie) => cookie.startsWith('unstick='))?.split(';')[0] ?? ''
const ask = (replica: Replica, token: string, path = '/'): Promise<Response> => fetch(replica.origin + path, { headers: { cookie: token }, redirect: 'manual' })
const sent = (response: ServerResponse): Promise<void> => new Promise((resolve) => { response.write('x'.repeat(200_000), () => resolve()) })
/** The app's own view of its session. */
const read = (folder: string, id: string): string => (existsSync(join(folder, id)) ? readFileSync(join(folder, id), 'utf8') : 'nothing')

describe('a session in files', () => {
  it('that begins in a long answer is found by a request that follows the head alone', async () => {
    const [one, two] = [await replica('one'), await replica('two')]
    let finish = (): void => undefined
    const mayFinish = new Promise<void>((resolve) => { finish = resolve })
    play = async (folder, request, response) => {
      if (request.url !== '/login') return void response.end(read(folder, ID))
      response.writeHead(200, { 'Set-Cookie': `SID=${ID}; Path=/` })
      await sent(response)
      await mayFinish
      writeFileSync(join(folder, ID), 'ada')
      response.end('done')
    }
    const login = await ask(one, '', '/login')
    const early = ask(two, tokenOf(login))
    // The login is not over: the early request waits for it, and is then told what it left.
    finish()
    expect(await (await early).text()).toBe('ada')
    await login.arrayBuffer()
  })

  it('is saved before a redirect goes out, whose target asks for it at once', async () => {
    const [one, two] = [await replica('one'), await replica('two')]
    play = (folder, request, response) => {
      if (request.url !== '/login') return void response.end(read(folder, ID))
      response.writeHead(302, { 'Set-Cookie': `SID=${ID}; Path=/`, Location: '/' })
      response.flushHeaders()
      setImmediate(() => {
        writeFileSync(join(folder, ID), 'ada')
        response.end()
      })
    }
    const login = await ask(one, '', '/login')
    expect(login.status).toBe(302)
    expect(await (await ask(two, tokenOf(login))).text()).toBe('ada')
  })

  it('gets a new token with a new id, and the old token leads to it for a while', async () => {
    const [one, two] = [await replica('one'), await replica('two')]
    play = (folder, request, response) => {
      if (request.url === '/begin') {
        writeFileSync(join(folder, ID), 'anonymous')
        return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      }
      if (request.url === '/login') {
        rmSync(join(folder, ID))
        writeFileSync(join(folder, NEXT), 'ada')
        return void response.setHeader('Set-Cookie', `SID=${NEXT}; Path=/`).end()
      }
      const id = /SID=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'none'
      return void response.end(`${id.slice(0, 1)} ${read(folder, id)}`)
    }
    const before = tokenOf(await ask(one, '', '/begin'))
    const after = tokenOf(await ask(two, before, '/login'))
    expect(after.slice(0, 40)).not.toBe(before.slice(0, 40))
    expect(await (await ask(one, after)).text()).toBe('b ada')
    const followed = await ask(two, before)
    expect(await followed.text()).toBe('b ada')
    // Whoever holds the old token may have planted it: it is not exchanged for the new one.
    expect(followed.headers.getSetCookie()).toEqual([])
  })

  it('keeps its token when the client leaves before the answer that would bring a new one, which the next answer brings', async () => {
    const [one, two] = [await replica('one'), await replica('two')]
    let answer = (): void => undefined
    let asked = (): void => undefined
    const isAsked = new Promise<void>((resolve) => { asked = resolve })
    const mayAnswer = new Promise<void>((resolve) => { answer = resolve })
    play = async (folder, request, response) => {
      if (request.url === '/begin') {
        writeFileSync(join(folder, ID), 'anonymous')
        return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      }
      if (request.url === '/login') {
        asked()
        await mayAnswer
        writeFileSync(join(folder, NEXT), 'ada')
        return void response.setHeader('Set-Cookie', `SID=${NEXT}; Path=/`).end()
      }
      const id = /SID=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'none'
      return void response.end(`${id.slice(0, 1)} ${read(folder, id)}`)
    }
    const before = tokenOf(await ask(one, '', '/begin'))
    const leaves = new AbortController()
    const login = fetch(`${one.origin}/login`, { headers: { cookie: before }, signal: leaves.signal })
    await isAsked
    leaves.abort()
    await expect(login).rejects.toThrow()
    // By the time that this one is answered, the sidecar has seen the other's end.
    await (await ask(one, '')).text()
    answer()
    // The turn of the request that was left ends when its changes are committed; this one waits for it.
    const next = await ask(two, before)
    expect(await next.text()).toBe('b ada')
    const after = tokenOf(next)
    expect(after).not.toBe('')
    expect(after.slice(0, 40)).not.toBe(before.slice(0, 40))
    const again = await ask(one, after)
    expect([await again.text(), again.headers.getSetCookie()]).toEqual(['b ada', []])
  })

  it('is over everywhere before the head of a long logout goes out', async () => {
    const [one, two] = [await replica('one'), await replica('two')]
    let finish = (): void => undefined
    const mayFinish = new Promise<void>((resolve) => { finish = resolve })
    play = async (folder, request, response) => {
      if (request.url === '/begin') {
        writeFileSync(join(folder, ID), 'ada')
        return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      }
      if (request.url !== '/logout') return void response.end(request.headers.cookie ?? 'nobody')
      rmSync(join(folder, ID))
      response.writeHead(200, { 'Set-Cookie': 'SID=; Path=/; Max-Age=0' })
      await sent(response)
      await mayFinish
      response.end()
    }
    const token = tokenOf(await ask(one, '', '/begin'))
    expect(await (await ask(two, token)).text()).toBe(`SID=${ID}`)
    const logout = await ask(one, token, '/logout')
    expect(logout.headers.getSetCookie()).toEqual([expect.stringContaining('unstick=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0')])
    expect(await (await ask(two, token)).text()).toBe('nobody')
    finish()
    await logout.arrayBuffer()
    expect(await (await ask(one, token)).text()).toBe('nobody')
  })

  it('that rotated in an answer which then broke is still within reach of the client', async () => {
    const [one, two] = [await replica('one'), await replica('two')]
    play = (folder, request, response) => {
      if (request.url === '/begin') {
        writeFileSync(join(folder, ID), 'anonymous')
        return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      }
      if (request.url === '/login') {
        writeFileSync(join(folder, NEXT), 'ada')
        response.writeHead(200, { 'Set-Cookie': `SID=${NEXT}; Path=/`, 'Content-Length': '1000' })
        return void response.write('only the beginning', () => response.destroy())
      }
      const id = /SID=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'none'
      return void response.end(`${id.slice(0, 1)} ${read(folder, id)}`)
    }
    const before = tokenOf(await ask(one, '', '/begin'))
    const broken = await ask(one, before, '/login')
    expect([broken.status, broken.headers.get('unstick-error')]).toEqual([502, 'upstream_broke'])
    const after = tokenOf(broken)
    expect(after.slice(0, 40)).not.toBe(before.slice(0, 40))
    expect(await (await ask(two, after)).text()).toBe('b ada')
  })

  it.each([
    ['a HEAD', 'HEAD', { 'Content-Length': 100_000 }, 200],
    ['304', 'GET', { 'Content-Length': 100_000, 'ETag': '"x"' }, 304],
    ['a redirect', 'GET', { Location: '/' }, 302],
  ] as const)('is saved before the answer to %s goes out, whatever length that declares', async (_, method, headers, status) => {
    const gate = Promise.withResolvers<void>()
    let begun = false
    let waiting = false
    const gated: SessionStore = { ...boundMethods(store), commit: async (key, delta) => { if (begun) { waiting = true; await gate.promise } return await store.commit(key, delta) } }
    const one = await replica('one', gated)
    play = (folder, request, response) => {
      writeFileSync(join(folder, ID), String(request.url))
      if (request.url === '/begin') return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      return void response.writeHead(status, headers).end()
    }
    const visitor = new TokenHolder(one.sidecar.address)
    await visitor.get('/begin')
    begun = true
    using client = await RawClient.connect(one.sidecar.address)
    client.send(visitor.request('/next', [], method))
    await until('the commit waits', () => waiting, 5_000)
    // A whole other round trip: what went out before the commit has come by now.
    expect((await askRaw(one.sidecar.address, 'GARBAGE\r\n\r\n')).status).toBe(400)
    expect(client.pending).toBe('')
    gate.resolve()
    expect((await client.response({ bodiless: true })).status).toBe(status)
  })

  it.each([
    ['a short answer, by a store that is away', 'short', { away: true }],
    ['a long answer, by a store that is away', 'long', { away: true }],
    ['a short answer, because it is too large', 'short', { away: false }],
  ] as const)('whose id changed is as it was, and not half changed, when that could not be saved with %s', async (_, length, { away }) => {
    let down = false
    const failing: SessionStore = {
      ...boundMethods(store),
      commit: (key, delta) => {
        if (!down) return store.commit(key, delta)
        // Only for a moment: what is tried again gets through.
        down = false
        return Promise.reject(new UnstickError('store_unavailable', 'The store is away.'))
      },
    }
    const [one, two] = [await replica('one', failing, { sessionBytes: 3_000 }), await replica('two')]
    play = (folder, request, response) => {
      if (request.url === '/begin') {
        writeFileSync(join(folder, ID), 'anonymous')
        return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      }
      if (request.url === '/login') {
        rmSync(join(folder, ID))
        writeFileSync(join(folder, NEXT), away ? 'ada' : 'a'.repeat(5_000))
        response.setHeader('Set-Cookie', `SID=${NEXT}; Path=/`)
        return void response.end(length === 'long' ? 'x'.repeat(200_000) : 'welcome')
      }
      const id = /SID=(\w+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'none'
      return void response.end(`${id.slice(0, 1)} ${read(folder, id)}`)
    }
    const before = tokenOf(await ask(one, '', '/begin'))
    down = away
    const refused = await ask(one, before, '/login')
    expect([refused.headers.get('unstick-error'), refused.headers.getSetCookie()]).toEqual([away ? 'store_unavailable' : 'too_large', []])
    expect(await (await ask(two, before)).text()).toBe('a anonymous')
  })

  it('that is being saved when the drain ends is saved once, and the answer goes out', async () => {
    const gate = Promise.withResolvers<void>()
    let commits = 0
    const gated: SessionStore = { ...boundMethods(store), commit: async (key, delta) => { commits += 1; await gate.promise; return await store.commit(key, delta) } }
    const one = await replica('one', gated, { drainMs: 50 })
    play = (folder, _, response) => {
      writeFileSync(join(folder, ID), 'ada')
      response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end('welcome')
    }
    const asked = ask(one, '')
    await until('the commit waits', () => commits === 1, 5_000)
    const since = performance.now()
    const stopped = one.sidecar.stop()
    await until('the drain has ended', () => performance.now() > since + 200, 5_000)
    gate.resolve()
    const answer = await asked
    expect([answer.status, await answer.text(), commits]).toEqual([200, 'welcome', 1])
    await stopped
  })

  it('answers 503 and not a truncated success when it cannot be saved', async () => {
    let down = false
    const failing: SessionStore = {
      ...boundMethods(store),
      commit: (key, delta) => (down ? Promise.reject(new UnstickError('store_unavailable', 'The store is away.')) : store.commit(key, delta)),
    }
    const one = await replica('one', failing)
    play = (folder, request, response) => {
      writeFileSync(join(folder, ID), String(request.url))
      response.setHeader('Set-Cookie', `SID=${ID}; Path=/`)
      response.end('saved')
    }
    const token = tokenOf(await ask(one, '', '/1'))
    down = true
    const refused = await ask(one, token, '/2')
    expect([refused.status, refused.headers.getSetCookie()]).toEqual([503, []])
    down = false
    expect(await (await ask(one, token, '/3')).text()).toBe('saved')
  })
})

function boundMethods(of: SessionStore): SessionStore {
  return {
    kind: of.kind, open: (...a) => of.open(...a), commit: (...a) => of.commit(...a), destroy: (...a) => of.destroy(...a), renew: (...a) => of.renew(...a),
    release: (...a) => of.release(...a), released: (...a) => of.released(...a), ping: () => of.ping(), close: () => of.close(),
  }
}
