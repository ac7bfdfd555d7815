/** Cookies, files and headers on one session: one app, in processes of its own, that keeps its state in all three ways. */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { countingStore } from '../support/counting-store.ts'
import { freePort } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { ask, get } from '../support/raw-client.ts'
import { runSidecar, type RunningSidecar } from '../support/running-sidecar.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { TokenHolder } from '../support/visitor.ts'

const APP = fileURLToPath(new URL('../support/three-ways-app.ts', import.meta.url))
const HEADERS = `inject: { Authorization: "Bearer {access_token}", X-Forwarded-User: "{user}" }
capture:
  - { on: "POST /login", set: { user: form.user, access_token: json./access_token }, subject: user, strip: [json./access_token] }
  - { on: "POST /logout", destroy: true }`

async function replica(stack: AsyncDisposableStack, folder: string, store: SessionStore): Promise<RunningSidecar> {
  mkdirSync(folder)
  const port = await freePort()
  const app = await start({ name: 'app', command: process.execPath, args: [APP], env: { PORT: String(port), FOLDER: folder }, ready: async () => (await fetch(`http://127.0.0.1:${port}/`)).ok })
  stack.defer(() => app.stop())
  const files = [{ cookie: 'SID', id: undefined, path: `${folder}/{id}`, render: (id: string) => join(folder, id) }]
  const sidecar = await runSidecar({ host: '127.0.0.1', port }, { store, files, cookies: { names: ['theme'] }, headers: HEADERS })
  stack.use(sidecar)
  return sidecar
}

const post = (target: string, body: string, headers: readonly string[] = []): string =>
  `${get(target, ['Content-Type: application/x-www-form-urlencoded', `Content-Length: ${body.length}`, ...headers], 'POST')}${body}`

describe('an app that keeps its state in a file, a cookie and a token', () => {
  it('has all of it in one session, written in one commit, on any replica; and none of it after a logout', async () => {
    await using stack = new AsyncDisposableStack()
    const folder = await temporaryFolder()
    stack.use(folder)
    const commits: string[][] = []
    const memory = memoryStore({ clock: systemClock })
    const store: SessionStore = {
      ...countingStore(memory),
      commit: (key, delta) => {
        commits.push(Array.from(delta.set.keys(), (name) => name.split(':', 1)[0] ?? '').sort())
        return memory.commit(key, delta)
      },
    }
    const here = await replica(stack, join(folder.path, 'here'), store)
    const there = await replica(stack, join(folder.path, 'there'), store)

    const visitor = new TokenHolder(here.address)
    const login = visitor.keep(await ask(here.address, post('/login', 'user=alice')))
    expect(login.body).toBe('{"expires":60}')
    expect(login.headers.join('\n')).not.toMatch(/SID=|theme=|bearer-of-the-app/)
    expect(commits).toEqual([['attribute', 'attribute', 'cookie', 'cookie', 'file']])

    const all = { file: 'basket of alice', theme: 'dark', authorization: 'Bearer bearer-of-the-app', user: 'alice' }
    for (const sidecar of [there, here, there]) expect(JSON.parse((await ask(sidecar.address, visitor.request('/me'))).body)).toEqual(all)

    const token = visitor.cookie ?? ''
    visitor.keep(await ask(there.address, post('/logout', '', [`Cookie: ${token}`])))
    expect(visitor.cookie).toBeUndefined()
    for (const sidecar of [here, there]) expect((await new TokenHolder(sidecar.address, token).get('/me')).body).toBe('{}')
    expect(readdirSync(join(folder.path, 'there'))).toEqual([])
  })
})
