import { execFile } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import lock from '../../package-lock.json' with { type: 'json' }
import { buildImage, type Image } from '../../scripts/image/build.ts'
import { Container } from '../../scripts/image/container.ts'
import { readDockerfile } from '../../scripts/image/dockerfile.ts'
import { toolPath } from '../../scripts/tools.ts'
import { httpApp } from '../support/origin-app.ts'
import { freePorts } from '../support/ports.ts'
import { describeWith } from '../support/servers.ts'
import { until } from '../support/until.ts'

const ROOT = resolve(import.meta.dirname, '..', '..')
const DOCKERFILE = join(ROOT, 'Dockerfile')

/** It installs from the registry twice, and compiles. */
const BUILD_MS = 600_000

describeWith(['hadolint'], 'the Dockerfile', () => {
  test('breaks none of hadolint’s rules', async () => {
    const { stdout } = await promisify(execFile)(toolPath('hadolint'), ['--no-color', '--failure-threshold', 'style', DOCKERFILE])
    expect(stdout).toBe('')
  })
})

describe('the Dockerfile', () => {
  test('has the Node that the tests run on', () => {
    const version = lock.packages['node_modules/node'].version
    expect(readDockerfile(DOCKERFILE).stages.map(({ base }) => base)).toEqual([1, 2, 3].map(() => `node:${version}-bookworm-slim`))
  })

  test('is labelled as the package is', () => {
    const { labels } = readDockerfile(DOCKERFILE).config
    expect(labels.get('org.opencontainers.image.version')).toBe(manifest.version)
    expect(labels.get('org.opencontainers.image.licenses')).toBe(manifest.license)
    expect(labels.get('org.opencontainers.image.description')).toBe(manifest.description)
  })

  test('runs as somebody who is not root', () => {
    expect(readDockerfile(DOCKERFILE).config.user).toEqual({ uid: 1000, gid: 1000 })
  })
})

/** A rehearsal needs root, as a container engine does. */
const rooted = process.getuid?.() === 0 || process.env['CI'] === 'true'

describeWith(['bubblewrap'], 'the image, rehearsed', () => {
  let folder: string
  let image: Image
  beforeAll(async () => {
    if (!rooted) return
    folder = await mkdtemp(join(tmpdir(), 'unstick-image-'))
    image = buildImage(ROOT, join(folder, 'build'))
  }, BUILD_MS)
  afterAll(async () => { if (rooted) await rm(folder, { recursive: true, force: true }) })

  let volumes = 0
  const container = (options: ConstructorParameters<typeof Container>[2]): Container => new Container(image, join(folder, `volumes-${volumes++}`), options)

  test.skipIf(!rooted)('holds what runs, and nothing that builds, tests or demonstrates it', () => {
    const modules = readdirSync(join(image.root, 'app', 'node_modules'))
    expect(modules).toEqual(expect.arrayContaining(Object.keys(manifest.dependencies)))
    for (const name of [...Object.keys(manifest.devDependencies), ...Object.keys(manifest.optionalDependencies)]) expect(modules, name).not.toContain(name)
    const files = readdirSync(join(image.root, 'app', 'dist'), { recursive: true, encoding: 'utf8' })
    expect(files).toContain('cli.js')
    expect(files.filter((file) => file.endsWith('.lua'))).not.toEqual([])
    expect(files.filter((file) => file.endsWith('.ts'))).toEqual([])
    expect(existsSync(join(image.root, 'build'))).toBe(false)
  })

  test.skipIf(!rooted)('says its version, and makes secrets', async () => {
    expect(await container({ command: ['--version'] }).finished()).toEqual({ code: 0, output: `${manifest.version}\n` })
    expect((await container({ command: ['keygen'] }).finished()).output).toMatch(/^[\w-]{43,}$/m)
  })

  test.skipIf(!rooted)('says what the demo lacks there', async () => {
    const { code, output } = await container({ command: ['demo', '--once'] }).finished()
    expect(code).not.toBe(0)
    expect(output).toContain('express-session')
    expect(output).not.toContain('fault in unstick itself')
  })

  test.skipIf(!rooted)('serves sessions as an unprivileged process 1 in a read-only tree, and stops when it is told', async () => {
    // An app that keeps a session file, so that the file lock of the foreign library is used too.
    const sessions = join(folder, 'sessions')
    mkdirSync(sessions)
    chownSync(sessions, 1000, 1000)
    await using app = await httpApp((request, response) => {
      const id = /SID=(\w+)/.exec(request.headers.cookie ?? '')?.[1]
      const file = join(sessions, `${id ?? 'a1b2c3'}.txt`)
      const seen = id === undefined || !existsSync(file) ? 'nobody' : readFileSync(file, 'utf8')
      if (request.url === '/login') {
        writeFileSync(file, 'alice')
        chownSync(file, 1000, 1000)
        response.setHeader('Set-Cookie', 'SID=a1b2c3')
      }
      response.end(seen)
    })
    if ('unix' in app.address) throw new Error('the app is on a port')
    const [port = 0, admin = 0] = await freePorts(2)
    const config = join(folder, 'unstick.yaml')
    writeFileSync(config, `listen: 127.0.0.1:${port}\nupstream: http://127.0.0.1:${app.address.port}\nadmin: { listen: "0.0.0.0:${admin}" }\ncarriers:\n  files: [{ cookie: SID, path: "/srv/sessions/{id}.txt" }]\n`)
    mkdirSync(join(image.root, 'srv', 'sessions'), { recursive: true })
    writeFileSync(join(image.root, 'etc', 'unstick', 'unstick.yaml'), '')

    const running = container({ mounts: { '/etc/unstick/unstick.yaml': config, '/srv/sessions': sessions } })
    await until('the image is healthy', () => Promise.resolve(running.health().code === 0), 30_000, () => running.output())
    const login = await fetch(`http://127.0.0.1:${port}/login`)
    const [cookie = ''] = (login.headers.get('set-cookie') ?? '').split(';')
    expect(cookie).toMatch(/^unstick=/)
    // As if another replica had been asked before: the file is gone from this one.
    rmSync(join(sessions, 'a1b2c3.txt'))
    expect(await (await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie } })).text()).toBe('alice')

    expect(running.health()).toEqual({ code: 0, output: 'ready\n' })
    const { code, output } = await running.stop()
    expect(output).toContain('unstick has stopped')
    expect(code).toBe(0)
    expect(running.health()).toMatchObject({ code: 1 })
  }, 120_000)

  test.skipIf(!rooted)('says that its file system is read-only, where the store is told to be in it', async () => {
    const { code, output } = await container({ command: ['run', '--upstream', 'http://127.0.0.1:9', '--app', 'php', '--store', 'sqlite:/app/a.db', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'] }).finished()
    expect(code).toBe(1)
    expect(output).toMatch(/read-?only|EROFS|EACCES|unable to open/i)
  })
})
