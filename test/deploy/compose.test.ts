import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { systemClock } from '../../src/clock.ts'
import { examineConfig } from '../../src/config/load.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { commandPath } from '../../scripts/servers.ts'
import { freePort } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const FOLDER = resolve(import.meta.dirname, '..', '..', 'examples', 'compose')
const SECRET = 'a-secret-of-the-tests-of-32-characters-or-more'

interface Service {
  readonly image: string
  readonly user?: string
  readonly read_only?: boolean
  readonly environment?: Readonly<Record<string, string>>
  readonly networks: Readonly<Record<string, unknown>>
  readonly volumes?: readonly string[]
  readonly ports?: readonly unknown[]
}

async function compose(secret: string): Promise<Record<string, Service>> {
  const { stdout } = await promisify(execFile)('docker-compose', ['-f', join(FOLDER, 'compose.yaml'), 'config'], { env: { ...process.env, UNSTICK_SECRET: secret } })
  return (parse(stdout) as { services: Record<string, Service> }).services
}

describeWith(['compose'], 'the compose file', () => {
  test('is one, and asks for a secret', async () => {
    await expect(compose(SECRET)).resolves.toHaveProperty('balancer')
    await expect(compose('')).rejects.toThrow('make one: docker run --rm unstick keygen')
  })

  test('lets nobody reach a replica but its own sidecar, which runs as the app does', async () => {
    const services = await compose(SECRET)
    for (const pair of ['1', '2']) {
      const [app, sidecar] = [services[`app-${pair}`], services[`unstick-${pair}`]]
      expect(Object.keys(app?.networks ?? {})).toEqual([`pair-${pair}`])
      expect(Object.entries(services).filter(([, { networks }]) => `pair-${pair}` in networks).map(([name]) => name)).toEqual([`app-${pair}`, `unstick-${pair}`])
      expect(app?.ports).toBeUndefined()
      const shared = `sessions-${pair}:/var/lib/php/sessions:rw`
      expect(app?.volumes).toContain(shared)
      expect(sidecar).toMatchObject({ user: '33:33', read_only: true, volumes: expect.arrayContaining([shared]) as string[] })
    }
  })

  test('gives each sidecar a configuration that it takes', async () => {
    for (const [name, { environment = {} }] of Object.entries(await compose(SECRET))) {
      if (!name.startsWith('unstick-')) continue
      const { config, problems } = examineConfig({ file: join(FOLDER, 'unstick.yaml'), env: environment })
      expect(problems).toEqual([])
      expect(config?.upstream).toEqual({ host: name.replace('unstick', 'app'), port: 80 })
    }
  })
})

describeWith(['php'], 'the app of the compose file', () => {
  test('counts on over two replicas, told by its ini file where its sessions are', async () => {
    await using stack = new AsyncDisposableStack()
    const folder = stack.use(await temporaryFolder())
    const store = memoryStore({ clock: systemClock })
    const origins: string[] = []
    for (const replica of ['1', '2']) {
      const [sessions, ini] = [join(folder.path, `sessions-${replica}`), join(folder.path, `ini-${replica}`)]
      for (const made of [sessions, ini]) mkdirSync(made)
      writeFileSync(join(ini, 'sessions.ini'), readFileSync(join(FOLDER, 'sessions.ini'), 'utf8').replace('/var/lib/php/sessions', sessions))
      const port = await freePort()
      const app = await start({
        name: `replica ${replica}`, command: commandPath('php') ?? 'php', args: ['-S', `127.0.0.1:${port}`, '-t', join(FOLDER, 'app')], env: { PHP_INI_SCAN_DIR: `:${ini}` },
        ready: async () => (await (await fetch(`http://127.0.0.1:${port}/health.php`)).text()) === 'ok',
      })
      stack.defer(() => app.stop())
      const sidecar = stack.use(await runSidecar({ host: '127.0.0.1', port }, { store, cookies: { names: [] }, files: [{ cookie: 'PHPSESSID', id: undefined, path: `${sessions}/sess_{id}`, render: (id) => join(sessions, `sess_${id}`) }] }))
      origins.push('unix' in sidecar.address ? '' : `http://127.0.0.1:${sidecar.address.port}`)
    }
    const [first = '', second = ''] = origins
    const login = await fetch(first, { method: 'POST', body: new URLSearchParams({ name: 'Ada' }) })
    expect(await login.text()).toContain('Hello, Ada. Visit 1')
    const [cookie = ''] = (login.headers.get('set-cookie') ?? '').split(';')
    for (const [index, origin] of [second, first, second].entries()) {
      expect(await (await fetch(origin, { headers: { cookie } })).text()).toContain(`Hello, Ada. Visit ${index + 2}`)
    }
  })
})
