import { spawn } from 'node:child_process'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { Keyring } from '../../src/crypto/keyring.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const SECRET = 'a-secret-of-the-tests-with-32-characters-or-more'
const FLAGS = ['--upstream', 'http://127.0.0.1:9', '--app', 'php', '--store', 'memory:', '--listen', '127.0.0.1:0']

let folder: TemporaryFolder
beforeAll(async () => { folder = await temporaryFolder() })
afterAll(async () => { await folder[Symbol.asyncDispose]() })

interface Finished {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The CLI as a process of its own, in a folder without a configuration. `signal` is sent once `when` is in the log. */
async function unstick(args: readonly string[], options: { env?: Record<string, string>; node?: readonly string[]; signal?: NodeJS.Signals; when?: string } = {}): Promise<Finished> {
  const { UNSTICK_SECRET: _, UNSTICK_ADMIN_TOKEN: __, ...env } = process.env
  const child = spawn(process.execPath, [...(options.node ?? []), CLI, ...args], { cwd: folder.path, env: { ...env, ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err, told] = ['', '', false]
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text
    // Once: a second signal ends a process that is stopping at once.
    if (!told && options.signal !== undefined && err.includes(options.when ?? 'unstick is ready')) told = child.kill(options.signal)
  })
  const code = await new Promise<number | null>((resolve, reject) => { child.on('error', reject).on('close', resolve) })
  return { code, out, err }
}

function file(name: string, text: string): string {
  const path = join(folder.path, name)
  writeFileSync(path, text)
  return path
}

const ANY_ADMIN = 'admin: { listen: "127.0.0.1:0" }\n'

async function taken(): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  return { server, port: (server.address() as AddressInfo).port }
}

describe('unstick', () => {
  it('prints its help and version, and exits with 0', async () => {
    const help = await unstick(['--help'])
    expect(help).toMatchObject({ code: 0, err: '' })
    for (const command of ['run', 'check', 'health', 'demo', 'keygen']) expect(help.out).toMatch(new RegExp(`^ +${command} `, 'm'))
    expect(await unstick(['--version'])).toEqual({ code: 0, out: `${manifest.version}\n`, err: '' })
  })

  it.each<[string[], RegExp]>([
    [[], /Usage: unstick/], [['go'], /unknown command 'go'/], [['run', '--fast'], /unknown option '--fast'/], [['check', '-c'], /argument missing/],
    [['run', ...FLAGS, '--log-level', 'loud'], /loud.*Allowed choices are debug, info, warn, error/],
  ])('%j is refused with 2 and a way on', async (args, message) => {
    const { code, out, err } = await unstick(args)
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(message)
    expect(err).not.toMatch(/ {4}at /)
  })
})

describe('on a Node that is too old', () => {
  /** Has the process take itself for one of that version. */
  const claims = (version: string): string[] => ['--import', `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`]
  const [, oldest = ''] = /^>=(.+)$/.exec(manifest.engines.node) ?? []

  it.each([[['run', ...FLAGS]], [['demo', '--once']], [['--version']]])('%j says in a sentence which Node it needs', async (args) => {
    for (const version of ['20.20.2', '22.18.9']) {
      expect(await unstick(args, { node: claims(version) })).toEqual({ code: 1, out: '', err: `unstick: Node ${oldest} or newer is needed, and this is ${version}.\n` })
    }
  })

  it.each([oldest, '22.20.0', '24.0.0', '100.1.0', '25.0.0-nightly20250101'])('runs on %s', async (version) => {
    expect((await unstick(['--version'], { node: claims(version) })).code).toBe(0)
  })
})

describe('unstick keygen', () => {
  it('prints a new secret each time, one that can be used', async () => {
    const [a, b] = await Promise.all([unstick(['keygen']), unstick(['keygen'])])
    expect([a.code, a.out]).toEqual([0, expect.stringMatching(/^[\w-]{43}\n$/)])
    expect(b.out).not.toBe(a.out)
    const { code } = await unstick(['check', '--upstream', 'http://127.0.0.1:9', '--app', 'php', '--store', 'redis://127.0.0.1:1'], { env: { UNSTICK_SECRET: a.out.trim() } })
    expect(code).toBe(0)
  })

  it('tells the key id beside it, by which check names the secrets of a configuration in order', async () => {
    const [older, newer] = await Promise.all([unstick(['keygen']), unstick(['keygen'])])
    const [olderId = '', newerId = ''] = [older, newer].map(({ err }) => /^key id ([\w-]{6}) \(metrics and logs call this secret by it\)\n$/.exec(err)?.[1])
    const path = file('two.yaml', `upstream: http://127.0.0.1:9\napp: php\nsecret: [${newer.out.trim()}, ${older.out.trim()}]\n`)
    const { out } = await unstick(['check', '-c', path])
    expect(out.split('\n').slice(1, 3)).toEqual([`secret 1: key id ${newerId}, seals and signs`, `secret 2: key id ${olderId}, opens what it sealed`])
    expect(out).not.toContain(newer.out.trim())
  })
})

describe('unstick check', () => {
  it('exits with 0 when there is nothing to say', async () => {
    expect(await unstick(['check', ...FLAGS])).toEqual({ code: 0, out: 'the configuration: no problems\n', err: '' })
    const path = file('good.yaml', 'upstream: http://127.0.0.1:9\napp: php\n')
    expect(await unstick(['check', '-c', path])).toEqual({ code: 0, out: `${path}: no problems\n`, err: '' })
  })

  it('prints every problem with its place, and exits with 2', async () => {
    const path = file('bad.yaml', 'upstream: ftp://x\napp: php\nsesion: {}\nlimits: { drain: soon }\n')
    const { code, out, err } = await unstick(['check', '-c', path])
    expect([code, out]).toEqual([2, ''])
    expect(err.trim().split('\n')).toEqual([expect.stringContaining(`${path}:1:11`), expect.stringMatching(/:3:1 .*did you mean session/), expect.stringContaining(':4:18')])
  })

  it('exits with 2 when a file is missing', async () => {
    const { code, err } = await unstick(['check', '-c', 'none.yaml'])
    expect([code, err]).toEqual([2, expect.stringContaining('none.yaml')])
  })

  it('never prints a secret', async () => {
    const path = file('short.yaml', 'upstream: http://127.0.0.1:9\napp: php\nsecret: too-short-a-secret\nstore: redis://user:hunter2@127.0.0.1:x\n')
    const { code, err } = await unstick(['check', '-c', path])
    expect(code).toBe(2)
    expect(err).not.toMatch(/too-short-a-secret|hunter2/)
  })
})

describe('unstick check --help', () => {
  it('tells of its flags what run tells of the same', async () => {
    const [check, run] = await Promise.all([unstick(['check', '--help']), unstick(['run', '--help'])])
    const flags = (text: string): string[] => text.split('\n').filter((line) => /^ +(?:-c, )?--(?:config|listen|upstream|store|app|admin) /.test(line)).map((line) => line.trim().replace(/ {2,}/, '  '))
    expect(flags(check.out)).toHaveLength(6)
    expect(flags(check.out)).toEqual(flags(run.out))
    for (const line of flags(check.out)) expect(line).toMatch(/ {2}\w/)
  })
})

describe('docs/configuration.md', () => {
  it('names every flag that run takes instead of a key', async () => {
    const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
    const flags = [...(await unstick(['run', '--help'])).out.matchAll(/^ +(--[a-z-]+) </gm)].map(([, flag = '']) => flag).filter((flag) => flag !== '--log-level')
    expect(flags).toHaveLength(5)
    for (const flag of flags) expect(page).toContain(`\`${flag}\``)
  })
})

describe('unstick sessions', () => {
  it('refuses a key beside a user, and neither of them, each in its words', async () => {
    const both = await unstick(['sessions', 'revoke', 'KEY', '--subject', 'bob'])
    expect(both).toMatchObject({ code: 2, err: 'unstick: Say either which session, by its key, or whose, by --subject NAME: not both.\n' })
    expect(await unstick(['sessions', 'show'])).toMatchObject({ code: 2, err: 'unstick: Say which session, by its key, or whose, by --subject NAME.\n' })
  })

  it('says once that Redis is not there', async () => {
    const { code, err } = await unstick(['sessions', 'list', '--subject', 'alice', '--store', 'redis://127.0.0.1:1'], { env: { UNSTICK_SECRET: SECRET } })
    expect([code, err]).toEqual([1, expect.stringMatching(/^unstick: Redis at 127\.0\.0\.1:1 cannot serve: [^()]+ from here\.\n$/)])
  })

  it('says with which secret it found nothing, and does not pass that off as done', async () => {
    const store = join(folder.path, 'nobody.db')
    await unstick(['run', ...FLAGS, '--store', `sqlite:${store}`, '--admin', '127.0.0.1:0'], { env: { UNSTICK_SECRET: SECRET }, signal: 'SIGTERM' })
    const flags = ['--subject', 'alice', '--store', `sqlite:${store}`]
    const [listed, shown, revoked] = [await ask('list'), await ask('show'), await ask('revoke')]
    function ask(command: string): Promise<Finished> { return unstick(['sessions', command, ...flags], { env: { UNSTICK_SECRET: SECRET } }) }
    const { keys: [key] } = new Keyring([SECRET])
    for (const { err } of [listed, shown, revoked]) expect(err).toContain(`looked with the secret ${key?.idText}:`)
    expect([listed, shown, revoked].map(({ code, out }) => [code, out])).toEqual([[0, '0 sessions of alice\n'], [1, 'no sessions of alice\n'], [1, 'no sessions of alice: none ended\n']])
  })
})

describe('unstick run', () => {
  it.each<NodeJS.Signals>(['SIGTERM', 'SIGINT'])('runs with flags and UNSTICK_SECRET alone until %s, and exits with 0', async (signal) => {
    const { code, out, err } = await unstick(['run', ...FLAGS, '--admin', '127.0.0.1:0'], { env: { UNSTICK_SECRET: SECRET }, signal })
    expect([code, out]).toEqual([0, ''])
    const lines = err.trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    const address = expect.stringMatching(/^127\.0\.0\.1:[1-9]\d*$/)
    expect(lines).toContainEqual(expect.objectContaining({ level: 'info', msg: 'unstick is ready', listen: address, admin: address, store: 'memory' }))
    expect(lines.at(-1)).toMatchObject({ msg: 'unstick has stopped' })
    expect(lines).toContainEqual(expect.objectContaining({ signal }))
    expect(err).not.toContain(SECRET)
  })

  it('takes two signals close together for one, as npm passes on a Ctrl-C that the terminal has sent already', async () => {
    const path = file('twice.yaml', ANY_ADMIN)
    const child = spawn(process.execPath, [CLI, 'run', ...FLAGS, '-c', path], { cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'] })
    let err = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      const [ready, stopping] = [err.includes('is ready'), err.includes('is stopping')]
      err += text
      if (!ready && err.includes('is ready')) child.kill('SIGINT')
      if (!stopping && err.includes('is stopping')) child.kill('SIGINT')
    })
    const code = await new Promise((resolve) => { child.on('close', resolve) })
    expect([code, err]).toEqual([0, expect.stringContaining('unstick has stopped')])
  })

  it('says only what it was asked to', async () => {
    const path = file('quiet.yaml', ANY_ADMIN)
    // Nothing is logged at this level, so it is stopped by what the store says: this one is away.
    const { code, err } = await unstick(['run', ...FLAGS, '--store', 'redis://127.0.0.1:9', '-c', path, '--log-level', 'error'], { env: { UNSTICK_SECRET: SECRET }, signal: 'SIGTERM', when: 'the store does not answer' })
    expect(code).toBe(0)
    expect(err).not.toContain('"level":"info"')
    const [line] = err.trim().split('\n').map((text) => JSON.parse(text) as { err?: { code?: unknown; message?: unknown } })
    expect(line?.err).toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('127.0.0.1:9') })
  })

  it('exits with 2 for a configuration that cannot be used, with every problem and no stack', async () => {
    const { code, out, err } = await unstick(['run'])
    expect([code, out]).toEqual([2, ''])
    expect(err).toMatch(/--upstream: is missing.*\n.*--app: is missing/)
    expect(err).not.toMatch(/ {4}at /)
  })

  it.each(['listen', 'admin'])('exits with 1 when the port of %s is taken, and says which', async (which) => {
    const { server, port } = await taken()
    try {
      const config = `listen: "127.0.0.1:${which === 'listen' ? port : 0}"\nadmin: { listen: "127.0.0.1:${which === 'admin' ? port : 0}" }\nupstream: http://127.0.0.1:9\napp: php\nstore: "memory:"\n`
      const { code, err } = await unstick(['run', '-c', file(`taken-${which}.yaml`, config)])
      expect(code).toBe(1)
      expect(err.trim()).toMatch(new RegExp(`^unstick: Cannot listen on 127\\.0\\.0\\.1:${port}.*EADDRINUSE.*Change "${which === 'admin' ? 'admin\\.listen' : 'listen'}"`))
      expect(err.trim().split('\n')).toHaveLength(1)
      expect(err.match(/EADDRINUSE/g)).toHaveLength(1)
    } finally {
      server.close()
    }
  })

  it('says once why the database cannot be opened', async () => {
    const { code, err } = await unstick(['run', ...FLAGS, '--store', `sqlite:${join(folder.path, 'nowhere/app.db')}`, '--admin', '127.0.0.1:0'], { env: { UNSTICK_SECRET: SECRET } })
    expect([code, err.match(/ENOENT/g)?.length]).toEqual([1, 1])
  })

  it('adds why where the message does not say it', async () => {
    const { code, err } = await unstick(['run', ...FLAGS, '--store', `sqlite:${join(folder.path, 'nowhere/app.db')}`, '--admin', '127.0.0.1:0'])
    expect([code, err]).toEqual([1, expect.stringMatching(/^unstick: The secret in .* set "secret"\. \(ENOENT.*\)\n$/)])
  })

  it('exits with 1 when the secret beside its store is damaged, and names the file', async () => {
    file('app.db.secret', 'cut')
    const { code, err } = await unstick(['run', ...FLAGS, '--store', `sqlite:${join(folder.path, 'app.db')}`, '-c', file('damaged.yaml', ANY_ADMIN)])
    expect(code).toBe(1)
    expect(err).toMatch(/app\.db\.secret.*cut short/)
  })
})
