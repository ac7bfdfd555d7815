import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { toolEnvironment, toolPath } from '../../scripts/tools.ts'
import { httpApp, type HttpApp } from '../support/origin-app.ts'
import { freePort } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ask, FOLDER, HAPROXY, NGINX, type BalancerProgram } from './balancer.ts'

const run = promisify(execFile)
const DOCS = join(FOLDER, '..', '..', 'docs', 'balancers')

/** One replica: it keeps the session in a cookie, says who it is and what it was told of the request, and has a path for health checks. */
function replica(name: string): Promise<HttpApp> {
  return httpApp((request, response) => {
    response.setHeader('Replica', name)
    if (request.url === '/login') response.setHeader('Set-Cookie', 'sid=alice')
    response.end(JSON.stringify({ cookie: request.headers.cookie ?? '', proto: request.headers['x-forwarded-proto'], for: request.headers['x-forwarded-for'] }))
  })
}

const portOf = (address: { port: number } | { unix: string }): number => ('unix' in address ? 0 : address.port)

/** Two replicas with their sidecars behind the balancer. */
async function site(balancer: BalancerProgram): Promise<{ port: number; apps: readonly [HttpApp, HttpApp] } & AsyncDisposable> {
  const stack = new AsyncDisposableStack()
  const store = memoryStore({ clock: systemClock })
  const apps = [stack.use(await replica('1')), stack.use(await replica('2'))] as const
  const first = stack.use(await runSidecar(apps[0].address, { store }))
  const second = stack.use(await runSidecar(apps[1].address, { store }))
  const folder = stack.use(await temporaryFolder())
  const port = await freePort()
  const { command, run } = balancer.prepare({ port, sidecars: [portOf(first.address), portOf(second.address)], folder: folder.path })
  const running = await start({ name: balancer.name, command, args: run, ready: async () => (await ask(port, '/health')).status === 200 })
  stack.defer(() => running.stop())
  return { port, apps, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

describeWith(['haproxy', 'nginx', 'openssl'], 'the configuration for', () => {
  describe.each([HAPROXY, NGINX])('$name', (balancer) => {
    test('is one', async () => {
      await using folder = await temporaryFolder()
      const { command, check } = balancer.prepare({ port: 443, sidecars: [8080, 8080], folder: folder.path })
      await expect(run(command, check)).resolves.toBeDefined()
    })

    test('spreads the requests of one session over both replicas, and tells the app of https', async () => {
      await using shop = await site(balancer)
      const login = await ask(shop.port, '/login')
      const [cookie = ''] = (login.headers['set-cookie']?.[0] ?? '').split(';')
      expect(login.headers['set-cookie']).toEqual([expect.stringMatching(/^__Host-unstick=.*; Secure/)])
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(shop.port, '/', { headers: { cookie, 'x-forwarded-proto': 'http', 'x-forwarded-for': '6.6.6.6' } })))
      expect(new Set(answers.map(({ headers }) => headers['replica']))).toEqual(new Set(['1', '2']))
      // The client and the balancer, both on loopback, and nothing of what the client said.
      for (const { body } of answers) expect(JSON.parse(body)).toEqual({ cookie: 'sid=alice', proto: 'https', for: '127.0.0.1, 127.0.0.1' })
    })

    test('has another replica answer when one is gone, and no POST is carried out twice', async () => {
      await using shop = await site(balancer)
      const [cookie = ''] = ((await ask(shop.port, '/login')).headers['set-cookie']?.[0] ?? '').split(';')
      await shop.apps[0][Symbol.asyncDispose]()
      for (let turn = 0; turn < 10; turn += 1) {
        expect(await ask(shop.port, '/', { headers: { cookie } })).toMatchObject({ status: 200, headers: { replica: '2' } })
      }
      const posts = (): number => shop.apps[1].requests.filter(({ method }) => method === 'POST').length
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(shop.port, '/', { method: 'POST', headers: { cookie } })))
      expect(posts()).toBe(answers.filter(({ status }) => status === 200).length)
      for (const { status, headers } of answers) if (status !== 200) expect(headers['unstick-error']).toBe('upstream_unreachable')
    })
  })
})

describeWith(['cfnLint'], 'the template for the ALB', () => {
  const file = join(FOLDER, 'alb.yaml')

  test('is one', async () => {
    const { stdout } = await run('/usr/bin/python3', [toolPath('cfnLint'), file], { env: { ...process.env, ...toolEnvironment('cfnLint') } })
    expect(stdout).toBe('')
  })

  test('is not sticky, and lets go of idle connections before the sidecar does', () => {
    const { Resources } = parse(readFileSync(file, 'utf8'), { logLevel: 'silent' }) as { Resources: Record<string, { Properties: Record<string, { Key: string; Value: string }[]> }> }
    expect(Resources['Sidecars']?.Properties['TargetGroupAttributes']).toContainEqual({ Key: 'stickiness.enabled', Value: 'false' })
    const idle = Resources['Balancer']?.Properties['LoadBalancerAttributes']?.find(({ Key }) => Key === 'idle_timeout.timeout_seconds')
    const [, kept] = /KEEP_ALIVE_MS = ([\d_]+)/.exec(readFileSync(join(FOLDER, '../../src/proxy/server.ts'), 'utf8')) ?? []
    expect(Number(idle?.Value) * 1000).toBeLessThan(Number(kept?.replaceAll('_', '')))
  })
})

describe('the page for', () => {
  test.each([['haproxy', 'haproxy.cfg'], ['nginx', 'nginx.conf'], ['aws-alb', 'alb.yaml']])('%s shows the configuration that is tested', (page, file) => {
    expect(readFileSync(join(DOCS, `${page}.md`), 'utf8')).toContain(readFileSync(join(FOLDER, file), 'utf8'))
  })
})
