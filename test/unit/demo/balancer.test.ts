import { Agent, createServer, request, type IncomingMessage, type RequestListener, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { createBalancer } from '../../../src/demo/balancer.ts'
import { freePorts, listen } from '../../../src/demo/ports.ts'

const running: Server[] = []
afterEach(() => {
  for (const server of running.splice(0)) server.close().closeAllConnections()
})

async function serve(listener: RequestListener): Promise<number> {
  const server = createServer(listener)
  running.push(server)
  return listen(server, 0)
}

const named = (name: string) => serve((incoming, outgoing) => void text(incoming).then((body) => outgoing.end(`${name} ${incoming.method} ${body}`.trim())))

async function ask(port: number, options: { method?: string; body?: string; agent?: Agent } = {}): Promise<{ status: number; text: string; response: IncomingMessage }> {
  const { method = 'GET', body, agent } = options
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, ...(agent === undefined ? {} : { agent }) }, (response) => {
      text(response).then((told) => resolve({ status: response.statusCode ?? 0, text: told, response }), reject)
    })
    asked.once('error', reject)
    asked.end(body)
  })
}

test('requests on one connection go to each backend in turn', async () => {
  const port = await serve(createBalancer([await named('A'), await named('B')]))
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const answers: string[] = []
  for (let left = 4; left > 0; left--) answers.push((await ask(port, { agent })).text)
  agent.destroy()
  expect(answers).toEqual(['A GET', 'B GET', 'A GET', 'B GET'])
})

test('a body arrives whole, and so does the status', async () => {
  const body = 'x'.repeat(300_000)
  const port = await serve(createBalancer([await named('A')]))
  expect((await ask(port, { method: 'POST', body })).text).toBe(`A POST ${body}`)
})

test('a backend that refuses connections is skipped, for posts too', async () => {
  const [dead = 0] = await freePorts(1)
  const port = await serve(createBalancer([dead, await named('B')]))
  expect((await ask(port, { method: 'POST', body: 'once' })).text).toBe('B POST once')
  expect((await ask(port)).text).toBe('B GET')
})

test('a sidecar whose app is down is skipped', async () => {
  const sidecar = await serve((_, outgoing) => void outgoing.writeHead(502, { 'Unstick-Error': 'upstream_unreachable' }).end('down'))
  const port = await serve(createBalancer([sidecar, await named('B')]))
  expect((await ask(port, { method: 'POST', body: 'once' })).text).toBe('B POST once')
})

test('a post that a backend broke off is not sent to another', async () => {
  let posts = 0
  const broken = await serve((incoming) => incoming.socket.destroy())
  const other = await serve((_, outgoing) => {
    posts++
    outgoing.end()
  })
  const port = await serve(createBalancer([broken, other]))
  expect((await ask(port, { method: 'POST', body: 'once' })).status).toBe(502)
  expect(posts).toBe(0)
})

test('any other 502 is passed on as it is', async () => {
  const failing = await serve((_, outgoing) => void outgoing.writeHead(502, { 'Unstick-Error': 'upstream_broke' }).end('broke'))
  const port = await serve(createBalancer([failing, await named('B')]))
  expect(await ask(port)).toMatchObject({ status: 502, text: 'broke' })
})

test('with no backend up the answer is 503, and says so', async () => {
  const dead = await freePorts(2)
  const port = await serve(createBalancer(dead))
  expect(await ask(port)).toMatchObject({ status: 503, text: expect.stringContaining('No replica is up') })
})

test('a body over 1 MB is refused', async () => {
  const port = await serve(createBalancer([await named('A')]))
  expect((await ask(port, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })).status).toBe(413)
})

test('Set-Cookie headers arrive one by one', async () => {
  const backend = await serve((_, outgoing) => void outgoing.writeHead(200, [['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']].flat()).end())
  const port = await serve(createBalancer([backend]))
  expect((await ask(port)).response.headers['set-cookie']).toEqual(['a=1', 'b=2'])
})
