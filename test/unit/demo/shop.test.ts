import { createServer, type Server } from 'node:http'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { listen } from '../../../src/demo/ports.ts'
import { createShop, type Answer } from '../../../src/demo/shop/app.ts'
import { stageFor, type Stages } from '../../../src/demo/shop/stage.ts'
import { stagesFor } from '../../../src/demo/stage-texts.ts'
import { Visitor } from '../../../src/demo/visitor.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const running: Server[] = []
afterEach(() => {
  for (const server of running.splice(0)) server.close().closeAllConnections()
})

async function open(sessions: string, stagesOf: (port: number) => Stages = () => ({})): Promise<string> {
  const server = createServer()
  running.push(server)
  const port = await listen(server, 0)
  server.on('request', createShop({ replica: 'A', sessions, secret: 'of the test', stages: stagesOf(port) }))
  return `http://127.0.0.1:${port}`
}

test('the shop keeps login and cart in a session file', async () => {
  await using folder = await temporaryFolder()
  const visitor = new Visitor(await open(folder.path))
  expect(await visitor.look()).toMatchObject({ verdict: 'new', user: undefined })
  expect(await readdir(folder.path)).toEqual([])
  await visitor.login('Ada')
  expect(await visitor.addToCart('wok')).toEqual({ replica: 'A', verdict: 'kept', user: 'Ada', pieces: 1 })
  expect(await visitor.look()).toMatchObject({ verdict: 'kept', pieces: 1 })
  expect(await readdir(folder.path)).toHaveLength(1)
})

test('a shop with another folder does not know the visitor, and takes nothing into a cart', async () => {
  await using folder = await temporaryFolder()
  const first = await open(join(folder.path, 'a'))
  const second = await open(join(folder.path, 'b'))
  const login = await fetch(`${first}/login`, { method: 'POST', body: new URLSearchParams({ name: 'Ada' }), headers: { accept: 'application/json' } })
  const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  expect(((await login.json()) as Answer).user).toBe('Ada')
  const add = await fetch(`${second}/cart`, { method: 'POST', body: new URLSearchParams({ product: 'wok' }), headers: { accept: 'application/json', cookie } })
  expect(add.status).toBe(401)
  expect(await add.json()).toMatchObject({ user: null, pieces: 0, refused: 'Please log in first.' })
})

test('logging in changes the id, and logging out deletes the file', async () => {
  await using folder = await temporaryFolder()
  const base = await open(folder.path)
  const post = async (path: string, cookie: string, fields: Record<string, string> = {}): Promise<Response> => {
    const response = await fetch(base + path, { method: 'POST', redirect: 'manual', body: new URLSearchParams(fields), headers: { cookie } })
    await response.text()
    return response
  }
  const cookieOf = (response: Response): string => response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const first = cookieOf(await post('/login', '', { name: 'Ada' }))
  const again = await post('/login', first, { name: 'Ada' })
  expect(again.status).toBe(303)
  expect(cookieOf(again)).not.toBe(first)
  expect(await readdir(folder.path)).toHaveLength(1)
  await post('/logout', cookieOf(again))
  expect(await readdir(folder.path)).toEqual([])
})

test.each([
  ['/login', { name: '  ' }],
  ['/cart', { product: 'no such' }],
  ['/cart', { product: '__proto__' }],
])('%s with %o is refused and makes no session', async (path, fields) => {
  await using folder = await temporaryFolder()
  const base = await open(folder.path)
  const response = await fetch(base + path, { method: 'POST', body: new URLSearchParams(fields as Record<string, string>), headers: { accept: 'application/json' } })
  expect(response.status).toBe(401)
  expect(response.headers.getSetCookie()).toEqual([])
})

test('a redirect after a login is not sent before the session is saved', async () => {
  await using folder = await temporaryFolder()
  const base = await open(folder.path)
  for (let left = 20; left > 0; left--) {
    const login = await fetch(`${base}/login`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ name: 'Ada' }) })
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? ''
    expect(await (await fetch(`${base}/whoami`, { headers: { cookie } })).json()).toMatchObject({ user: 'Ada' })
  }
})

test('a name is text on the page, whatever is in it', async () => {
  await using folder = await temporaryFolder()
  const base = await open(folder.path, (port) => stagesFor('run', { withUnstick: port, without: 1 }))
  const login = await fetch(`${base}/login`, { method: 'POST', redirect: 'manual', body: new URLSearchParams({ name: '</script><img src=x>' }) })
  const page = await (await fetch(base, { headers: { cookie: login.headers.getSetCookie()[0]?.split(';')[0] ?? '' } })).text()
  expect(page).toContain('&lt;/script&gt;&lt;img src=x&gt;')
  expect(page).not.toContain('<img')
  expect(page.match(/<\/script>/g)).toHaveLength(2)
})

test('the page is whole in itself: it loads nothing from anywhere', async () => {
  await using folder = await temporaryFolder()
  const base = await open(folder.path, (port) => stagesFor('run', { withUnstick: port, without: 1 }))
  const response = await fetch(base)
  const page = await response.text()
  expect(page).toContain('<h1>With unstick</h1>')
  expect(page).not.toMatch(/<(?:script|img|iframe)[^>]* src=|<link rel="stylesheet"|@import|url\(/)
  expect(response.headers.get('content-security-policy')).toContain("default-src 'none'")
})

test('an address that is not known gets the shop alone', async () => {
  await using folder = await temporaryFolder()
  const page = await (await fetch(await open(folder.path))).text()
  expect(page).toContain('<title>Pan &amp; Lid</title>')
  expect(page).not.toContain('unstick')
})

test('a stage is found by the port of the Host header, and by nothing else', () => {
  const stages = stagesFor('run', { withUnstick: 8000, without: 8001 })
  expect(stageFor(stages, '127.0.0.1:8001')?.title).toBe('Without unstick')
  expect(stageFor(stages, 'localhost')).toBeUndefined()
  expect(stageFor(stages, 'x:toString')).toBeUndefined()
  expect(stageFor(stages, undefined)).toBeUndefined()
})
