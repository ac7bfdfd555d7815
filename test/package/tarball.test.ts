/** The package as its users get it: packed, installed by npm into an empty folder, and run on the oldest Node that it promises to run on. */
import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { httpApp } from '../support/origin-app.ts'
import { freePorts } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const OLDEST_NODE = manifest.engines.node.replace(/^>=/, '')

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string; readonly mode: number }[]
}

let folder: TemporaryFolder
let packed: Packed
beforeAll(async () => {
  folder = await temporaryFolder()
  const { stdout } = run('npm', ['pack', '--json', '--pack-destination', folder.path], ROOT)
  packed = Object.values(JSON.parse(stdout) as Readonly<Record<string, Packed>>)[0] ?? { filename: '', files: [] }
  // The npm package `node` fetches its binary in an install script, which newer versions of npm want allowed.
  await writeFile(join(folder.path, 'package.json'), JSON.stringify({ private: true, allowScripts: { node: true } }))
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${packed.filename}`, `node@${OLDEST_NODE}`], folder.path)
})
afterAll(async () => { await folder[Symbol.asyncDispose]() })

const environment = (cwd: string): NodeJS.ProcessEnv => ({ ...process.env, PATH: [join(cwd, 'node_modules/.bin'), process.env['PATH']].join(delimiter) })

function run(command: string, args: readonly string[], cwd: string): { stdout: string; stderr: string } {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', env: environment(cwd) })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status ?? String(error)}\n${stdout}\n${stderr}`)
  return { stdout, stderr }
}

const unstick = (...args: string[]): { stdout: string; stderr: string } => run('npx', ['unstick', ...args], folder.path)

describe('the package', () => {
  test('has the program, what it reads and what one reads about it, and nothing else', () => {
    const paths = packed.files.map(({ path }) => path)
    expect(paths).toEqual(expect.arrayContaining(['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'unstick.schema.json', 'docs/configuration.md', 'dist/cli.js', 'dist/store/redis/commit.lua']))
    const known = /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|unstick\.schema\.json|docs\/.+\.(md|png|svg)|dist\/.+\.(js|lua))$/
    expect(paths.filter((path) => !known.test(path))).toEqual([])
    expect(packed.files.find(({ path }) => path === 'dist/cli.js')?.mode.toString(8)).toBe('755')
  })

  test(`runs on Node ${OLDEST_NODE}, without a word beside its own`, () => {
    expect(run('node', ['--version'], folder.path).stdout).toBe(`v${OLDEST_NODE}\n`)
    expect(unstick('--version')).toEqual({ stdout: `${manifest.version}\n`, stderr: '' })
    expect(unstick('keygen')).toEqual({ stdout: expect.stringMatching(/^[\w-]{43}\n$/), stderr: expect.stringMatching(/^key id .*\n$/) })
  })

  test('plays the demo', () => {
    const { stdout, stderr } = unstick('demo', '--once')
    expect(stdout).toMatch(/session kept +40 +10\n/)
    expect(stderr).toBe('')
  })

  test('runs a sidecar with the unstick.yaml of the folder', async () => {
    await using app = await httpApp((request, response) => {
      response.setHeader('Set-Cookie', 'session=ada; Path=/').end(request.headers.cookie ?? 'nobody')
    })
    const [port, admin] = await freePorts(2)
    const { port: upstream } = app.address as { port: number }
    await writeFile(join(folder.path, 'unstick.yaml'), [
      `listen: "127.0.0.1:${port}"`, `upstream: http://127.0.0.1:${upstream}`, `admin: { listen: "127.0.0.1:${admin}" }`,
      'carriers:', '  cookies: { names: [session] }', `  files: [{ cookie: SID, path: "${folder.path}/{id}" }]`, '',
    ].join('\n'))
    expect(unstick('check')).toEqual({ stdout: 'unstick.yaml: no problems\n', stderr: '' })
    const sidecar = await start({
      name: 'unstick run', command: join(folder.path, 'node_modules/.bin/unstick'), args: ['run'], cwd: folder.path, env: { PATH: environment(folder.path)['PATH'] ?? '' },
      ready: async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok,
    })
    try {
      const first = await fetch(`http://127.0.0.1:${port}/`)
      expect(await first.text()).toBe('nobody')
      const [token = ''] = first.headers.getSetCookie()
      expect(token).toMatch(/^unstick=/)
      const second = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie: token.split(';')[0] ?? '' } })
      expect(await second.text()).toBe('session=ada')
    } finally {
      await sidecar.stop()
    }
    const lines = sidecar.output().trim().split('\n').map((line) => JSON.parse(line) as { level: string; msg: string })
    expect(lines.filter(({ level }) => level !== 'info')).toEqual([])
    expect(lines.at(-1)?.msg).toBe('unstick has stopped')
  })
})
