/** A session file that is not there any more: which of those is a logout, and which only looks like one. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { SessionStore } from '../../src/store/store.ts'
import { askReplica, fileReplicas, readSession, tokenOf } from '../support/file-replicas.ts'
import { storeOver } from '../support/store-over.ts'
import { until } from '../support/until.ts'

const ID = 'a'.repeat(32)
const NEXT = 'b'.repeat(32)
const stage = fileReplicas()

const idOf = (cookies = ''): string => /SID=(\w+)/.exec(cookies)?.[1] ?? 'none'

/** What the sidecars make, by the names of its entries; and what they end. */
function kept(): { made: string[][]; ended: () => number; store: SessionStore } {
  const made: string[][] = []
  let ended = 0
  const store = storeOver(stage.store, { commit: async (key, delta) => {
    const committed = await stage.store.commit(key, delta)
    if (delta.mode === 'create') made.push(Array.from(delta.set.keys(), (name) => name.split(/[:;]/, 2).join(':')))
    if (committed.state === 'ended') ended += 1
    return committed
  } })
  return { made, ended: () => ended, store }
}

/** `/begin` begins a session, `/login` gives it a new id, `/logout` deletes its file; `/wait` is answered by `end`, with a head before that or without one. */
function play(): { end: () => void; waiting: () => boolean } {
  const ends: (() => void)[] = []
  stage.play = (folder, request, response) => {
    const path = request.url ?? ''
    const id = idOf(request.headers.cookie)
    if (path === '/begin') {
      writeFileSync(join(folder, ID), 'anonymous')
      return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
    }
    if (path === '/login') {
      rmSync(join(folder, ID))
      writeFileSync(join(folder, NEXT), 'ada')
      return void response.setHeader('Set-Cookie', `SID=${NEXT}; Path=/`).end()
    }
    if (path === '/logout') {
      rmSync(join(folder, id))
      return void response.end()
    }
    if (path === '/wait/stream') response.setHeader('Content-Type', 'text/event-stream').write(':\n\n')
    if (path.startsWith('/wait')) return void ends.push(() => response.end())
    return void response.end(readSession(folder, id))
  }
  return { end: () => { ends.shift()?.() }, waiting: () => ends.length > 0 }
}

const text = async (answer: Promise<Response>): Promise<string> => (await answer).text()

describe('a session file that is gone', () => {
  it.each(['stream', 'poll'])('after a login that a %s without a lock has outlived: the login stays', async (how) => {
    const app = play()
    const one = await stage.replica('one', undefined, {}, { routes: [{ match: '/wait/*', lock: 'off' }] })
    const before = tokenOf(await askReplica(one, '', '/begin'))
    const waits = text(askReplica(one, before, `/wait/${how}`))
    await until('it waits', app.waiting, 5_000)
    const after = tokenOf(await askReplica(one, before, '/login'))
    app.end()
    await waits
    expect(await text(askReplica(one, after))).toBe('ada')
  })

  it('with its session, when the app has deleted it: the session is over on every replica', async () => {
    play()
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    const token = tokenOf(await askReplica(one, tokenOf(await askReplica(one, '', '/begin')), '/login'))
    expect(await text(askReplica(two, token))).toBe('ada')
    const logout = await askReplica(one, token, '/logout')
    expect(logout.headers.getSetCookie()).toEqual([expect.stringMatching(/^unstick=;.*Max-Age=0/)])
    expect(await text(askReplica(two, token))).toBe('nothing')
  })
})

describe('a session that the app ends by a rule', () => {
  const headers = 'capture: [{ on: "/out/*", destroy: true }]'

  it.each(['at once', 'streamed'])('leaves nothing of a file that it still wrote (%s)', async (how) => {
    stage.play = (folder, request, response) => {
      if (request.url === '/begin') {
        writeFileSync(join(folder, ID), 'ada')
        return void response.setHeader('Set-Cookie', `SID=${ID}; Path=/`).end()
      }
      // Without a length its end is not waited for, and the head goes out before the file is looked at.
      if (how === 'streamed') response.write('bye')
      else response.setHeader('Content-Length', 0)
      writeFileSync(join(folder, ID), 'ada, who has left')
      return void response.end()
    }
    const { made, ended, store } = kept()
    const one = await stage.replica('one', store, {}, { headers })
    const token = tokenOf(await askReplica(one, '', '/begin'))
    expect(made.splice(0)).toEqual([['cookie:SID', 'file:SID']])
    const out = await askReplica(one, token, '/out/now')
    await out.text()
    expect(out.headers.getSetCookie()).toEqual([expect.stringMatching(/^unstick=;.*Max-Age=0/)])
    expect([made, ended()]).toEqual([[], 1])
  })

  it('leaves what it begins anew in the same answer', async () => {
    stage.play = (folder, request, response) => {
      const id = request.url === '/begin' ? ID : NEXT
      if (request.url === '/') return void response.end(readSession(folder, idOf(request.headers.cookie)))
      writeFileSync(join(folder, ID), 'ada')
      if (id === NEXT) writeFileSync(join(folder, NEXT), 'nobody')
      return void response.setHeader('Set-Cookie', `SID=${id}; Path=/`).end()
    }
    const [one, two] = [await stage.replica('one', undefined, {}, { headers }), await stage.replica('two')]
    const after = tokenOf(await askReplica(one, tokenOf(await askReplica(one, '', '/begin')), '/out/and-in'))
    expect(await text(askReplica(two, after))).toBe('nobody')
  })
})
