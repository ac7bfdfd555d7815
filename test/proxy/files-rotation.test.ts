/** The token's rotation with the app's own session id, over two sidecars that share a store. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { askReplica, fileReplicas, readSession, tokenOf } from '../support/file-replicas.ts'

const ID = 'a'.repeat(32)
const NEXT = 'b'.repeat(32)
const stage = fileReplicas()

describe('a session in files', () => {
  it('gets a new token with a new id, and the old token leads to it for a while', async () => {
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    stage.play = (folder, request, response) => {
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
      return void response.end(`${id.slice(0, 1)} ${readSession(folder, id)}`)
    }
    const before = tokenOf(await askReplica(one, '', '/begin'))
    const after = tokenOf(await askReplica(two, before, '/login'))
    expect(after.slice(0, 40)).not.toBe(before.slice(0, 40))
    expect(await (await askReplica(one, after)).text()).toBe('b ada')
    const followed = await askReplica(two, before)
    expect(await followed.text()).toBe('b ada')
    // Whoever holds the old token may have planted it: it is not exchanged for the new one.
    expect(followed.headers.getSetCookie()).toEqual([])
  })

  it('keeps its token when the client leaves before the answer that would bring a new one, which the next answer brings', async () => {
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    let answer = (): void => undefined
    let asked = (): void => undefined
    const isAsked = new Promise<void>((resolve) => { asked = resolve })
    const mayAnswer = new Promise<void>((resolve) => { answer = resolve })
    stage.play = async (folder, request, response) => {
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
      return void response.end(`${id.slice(0, 1)} ${readSession(folder, id)}`)
    }
    const before = tokenOf(await askReplica(one, '', '/begin'))
    const leaves = new AbortController()
    const login = fetch(`${one.origin}/login`, { headers: { cookie: before }, signal: leaves.signal })
    await isAsked
    leaves.abort()
    await expect(login).rejects.toThrow()
    // By the time that this one is answered, the sidecar has seen the other's end.
    await (await askReplica(one, '')).text()
    answer()
    // The turn of the request that was left ends when its changes are committed; this one waits for it.
    const next = await askReplica(two, before)
    expect(await next.text()).toBe('b ada')
    const after = tokenOf(next)
    expect(after).not.toBe('')
    expect(after.slice(0, 40)).not.toBe(before.slice(0, 40))
    const again = await askReplica(one, after)
    expect([await again.text(), again.headers.getSetCookie()]).toEqual(['b ada', []])
  })

  it('that rotated in an answer which then broke is still within reach of the client', async () => {
    const [one, two] = [await stage.replica('one'), await stage.replica('two')]
    stage.play = (folder, request, response) => {
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
      return void response.end(`${id.slice(0, 1)} ${readSession(folder, id)}`)
    }
    const before = tokenOf(await askReplica(one, '', '/begin'))
    const broken = await askReplica(one, before, '/login')
    expect([broken.status, broken.headers.get('unstick-error')]).toEqual([502, 'upstream_broke'])
    const after = tokenOf(broken)
    expect(after.slice(0, 40)).not.toBe(before.slice(0, 40))
    expect(await (await askReplica(two, after)).text()).toBe('b ada')
  })
})
