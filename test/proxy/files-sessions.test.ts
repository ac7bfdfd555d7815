/** Sessions in files over two sidecars that share a store: what a client has seen, the other replica knows. */
import { rmSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { UnstickError } from '../../src/errors.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { askReplica, fileReplicas, readSession, tokenOf } from '../support/file-replicas.ts'
import { ask as askRaw, RawClient } from '../support/raw-client.ts'
import { storeOver } from '../support/store-over.ts'
import { until } from '../support/until.ts'
import { TokenHolder } from '../support/visitor.ts'

const ID = 'a'.repeat(32)
const NEXT = 'b'.repeat(32)
const stage = fileReplicas()
const sent = (response: ServerResponse): Promise<void> => new Promise((resolve) => { response.write('x'.repeat(200_000), () => resolve()) })

describe('a session in files', () => {
  it('that begins in a long answer is found by a request that follows the head alone', async () => {
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    let finish = (): void => undefined
    const mayFinish = new Promise<void>((resolve) => { finish = resolve })
    stage.play = async (folder, request, response) => {
      if (request.url !== '/login') return void response.end(readSession(folder, ID))
      response.writeHead(200, { 'Set-Cookie': `SID=${ID}; Path=/` })
      await sent(response)
      await mayFinish
      writeFileSync(join(folder, ID), 'ada')
      response.end('done')
    }
    const login = await askReplica(one, '', '/login')
    const early = askReplica(two, tokenOf(login))
    // The login is not over: the early request waits for it, and is then told what it left.
    finish()
    expect(await (await early).text()).toBe('ada')
    await login.arrayBuffer()
  })

  it('is saved before a redirect goes out, whose target asks for it at once', async () => {
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    stage.play = (folder, request, response) => {
      if (request.url !== '/login') return void response.end(readSession(folder, ID))
      response.writeHead(302, { 'Set-Cookie': `SID=${ID}; Path=/`, Location: '/' })
      response.flushHeaders()
      setImmediate(() => {
        writeFileSync(join(folder, ID), 'ada')
        response.end()
      })
    }
    const login = await askReplica(one, '', '/login')
    expect(login.status).toBe(302)
    expect(await (await askReplica(two, tokenOf(login))).text()).toBe('ada')
  })

  it('is over everywhere before the head of a long logout goes out', async () => {
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    let finish = (): void => undefined
    const mayFinish = new Promise<void>((resolve) => { finish = resolve })
    stage.play = async (folder, request, response) => {
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
    const token = tokenOf(await askReplica(one, '', '/begin'))
    expect(await (await askReplica(two, token)).text()).toBe(`SID=${ID}`)
    const logout = await askReplica(one, token, '/logout')
    expect(logout.headers.getSetCookie()).toEqual([expect.stringContaining('unstick=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0')])
    expect(await (await askReplica(two, token)).text()).toBe('nobody')
    finish()
    await logout.arrayBuffer()
    expect(await (await askReplica(one, token)).text()).toBe('nobody')
  })

  it.each([
    ['a HEAD', 'HEAD', { 'Content-Length': 100_000 }, 200],
    ['304', 'GET', { 'Content-Length': 100_000, 'ETag': '"x"' }, 304],
    ['a redirect', 'GET', { Location: '/' }, 302],
  ] as const)('is saved before the answer to %s goes out, whatever length that declares', async (_, method, headers, status) => {
    const gate = Promise.withResolvers<void>()
    let begun = false
    let waiting = false
    const gated: SessionStore = { ...storeOver(stage.store), commit: async (key, delta) => { if (begun) { waiting = true; await gate.promise } return await stage.store.commit(key, delta) } }
    const one = await stage.replica('one', gated)
    stage.play = (folder, request, response) => {
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
      ...storeOver(stage.store),
      commit: (key, delta) => {
        if (!down) return stage.store.commit(key, delta)
        // Only for a moment: what is tried again gets through.
        down = false
        return Promise.reject(new UnstickError('store_unavailable', 'The store is away.'))
      },
    }
    const [one, two] = [await stage.replica('one', failing, { sessionBytes: 3_000 }), await stage.replica('two')]
    stage.play = (folder, request, response) => {
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
      return void response.end(`${id.slice(0, 1)} ${readSession(folder, id)}`)
    }
    const before = tokenOf(await askReplica(one, '', '/begin'))
    down = away
    const refused = await askReplica(one, before, '/login')
    expect([refused.headers.get('unstick-error'), refused.headers.getSetCookie()]).toEqual([away ? 'store_unavailable' : 'too_large', []])
    expect(await (await askReplica(two, before)).text()).toBe('a anonymous')
  })

  it('that is being saved when the drain ends is saved once, and the answer goes out', async () => {
    const gate = Promise.withResolvers<void>()
    let commits = 0
    const gated: SessionStore = { ...storeOver(stage.store), commit: async (key, delta) => { commits += 1; await gate.promise; return await stage.store.commit(key, delta) } }
    const one = await stage.replica('one', gated, { drainMs: 50 })
    stage.play = (folder, _, response) => {
      writeFileSync(join(folder, ID), 'ada')
      response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end('welcome')
    }
    const asked = askReplica(one, '')
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
      ...storeOver(stage.store),
      commit: (key, delta) => (down ? Promise.reject(new UnstickError('store_unavailable', 'The store is away.')) : stage.store.commit(key, delta)),
    }
    const one = await stage.replica('one', failing)
    stage.play = (folder, request, response) => {
      writeFileSync(join(folder, ID), String(request.url))
      response.setHeader('Set-Cookie', `SID=${ID}; Path=/`)
      response.end('saved')
    }
    const token = tokenOf(await askReplica(one, '', '/1'))
    down = true
    const refused = await askReplica(one, token, '/2')
    expect([refused.status, refused.headers.getSetCookie()]).toEqual([503, []])
    down = false
    expect(await (await askReplica(one, token, '/3')).text()).toBe('saved')
  })
})
