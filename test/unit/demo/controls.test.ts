import { createServer } from 'node:http'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { withControls } from '../../../src/demo/controls.ts'
import { listen } from '../../../src/demo/ports.ts'

const killed: string[] = []
const server = createServer()
let base = ''

beforeEach(async () => {
  killed.length = 0
  const controlled = {
    status: () => [{ name: 'A', state: 'up' as const, detail: 'pid 1' }],
    kill: async (name: string) => {
      if (name === 'A') killed.push(name)
      return name === 'A'
    },
  }
  server.removeAllListeners('request').on('request', withControls(controlled, (_, response) => void response.end('the app')))
  base = `http://127.0.0.1:${await listen(server, 0)}`
})
afterEach(() => {
  server.close().closeAllConnections()
})

test('all but the controls goes to the app', async () => {
  expect(await (await fetch(`${base}/_demo`)).text()).toBe('the app')
  expect(await (await fetch(`${base}/kill/A`, { method: 'POST' })).text()).toBe('the app')
})

test('the replicas are listed', async () => {
  expect(await (await fetch(`${base}/_demo/replicas`)).json()).toEqual([{ name: 'A', state: 'up', detail: 'pid 1' }])
})

test('a post kills the replica that it names, and only a post does', async () => {
  expect((await fetch(`${base}/_demo/kill/A`)).status).toBe(404)
  expect((await fetch(`${base}/_demo/kill/C`, { method: 'POST' })).status).toBe(404)
  expect(killed).toEqual([])
  expect((await fetch(`${base}/_demo/kill/A`, { method: 'POST' })).status).toBe(200)
  expect(killed).toEqual(['A'])
})

test('a form without a script gets back to the page', async () => {
  const response = await fetch(`${base}/_demo/kill/A`, { method: 'POST', headers: { accept: 'text/html' }, redirect: 'manual' })
  expect([response.status, response.headers.get('location')]).toEqual([303, '/'])
})

test('a page from elsewhere cannot kill', async () => {
  const response = await fetch(`${base}/_demo/kill/A`, { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } })
  expect(response.status).toBe(403)
  expect(killed).toEqual([])
})
