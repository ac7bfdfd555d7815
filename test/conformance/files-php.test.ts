/** The files carrier with PHP itself: its session handler, its locks, its idea of who may own a session file. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setImmediate as turn } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { loadFlock, type TryLock } from '../../src/carrier/files/flock.ts'
import { describeWith } from '../support/servers.ts'
import { COOKIE, sessionApp, type SessionApp } from '../support/session-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { Visitor } from './carrier-subject.ts'

let root: TemporaryFolder
let here: SessionApp
let there: SessionApp
let visitor: Visitor
const children = new Set<ChildProcess>()

beforeEach(async () => {
  root = await temporaryFolder()
  for (const name of ['a', 'b']) mkdirSync(join(root.path, name))
  here = sessionApp(join(root.path, 'a'))
  there = sessionApp(join(root.path, 'b'))
  visitor = new Visitor()
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  await root[Symbol.asyncDispose]()
})

/** `code` between starting the session `abc` and closing it. */
const php = (app: SessionApp, code: string) => [
  '-d', `session.save_path=${app.folder}`, '-d', 'session.use_cookies=0', '-d', 'session.cache_limiter=', '-d', 'session.gc_probability=0',
  '-r', `session_id('abc'); session_start(); ${code}`,
]

function run(app: SessionApp, code: string): string {
  const { stdout, stderr, status } = spawnSync('php', php(app, code), { encoding: 'utf8' })
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 })
  return stdout
}

/** PHP that has the session open, and its file locked, until it is told to go on; then it does `code` and ends. */
async function holding(app: SessionApp, code: string): Promise<{ goOn(): Promise<void> }> {
  const child = spawn('php', php(app, `echo "locked\\n"; fgets(STDIN); ${code}`), { stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  expect(line).toBe('locked')
  return {
    async goOn() {
      const closed = once(child, 'close')
      child.stdin.end('\n')
      await closed
    },
  }
}

/** flock, and a promise of its having found the file locked a few times. */
function watchedFlock(): { load: () => TryLock; foundBusy: Promise<void> } {
  const flock = loadFlock()
  if (flock === undefined) throw new Error('there is no flock here')
  const { promise, resolve } = Promise.withResolvers<void>()
  let busy = 0
  const watched: TryLock = (fd, kind) => {
    const result = flock(fd, kind)
    if (result === 'busy' && ++busy === 3) resolve()
    return result
  }
  return { load: () => watched, foundBusy: promise }
}

async function signedIn(): Promise<void> {
  await here.request(visitor, () => { run(here, "$_SESSION['n'] = 1;"); return [`${COOKIE}=abc`] })
  visitor.cookies.set(COOKIE, 'abc')
}

const state = (): string[] => [...visitor.entries.values()].map(({ value }) => new TextDecoder().decode(value))

describeWith(['php'], 'the files carrier and PHP', () => {
  it('counts on over two replicas', async () => {
    await signedIn()
    for (let n = 2; n < 8; n += 1) {
      const app = n % 2 === 0 ? there : here
      await app.request(visitor, () => { expect(run(app, "echo ++$_SESSION['n'];")).toBe(String(n)) })
    }
  })

  it('takes nothing in when PHP only reads, though it sets the file\'s times', async () => {
    await signedIn()
    const before = statSync(here.path('abc'), { bigint: true }).mtimeNs
    const changes = await here.request(visitor, () => { expect(run(here, "echo $_SESSION['n'];")).toBe('1') })
    expect(statSync(here.path('abc'), { bigint: true }).mtimeNs).not.toBe(before)
    expect(changes.set.size + changes.remove.size).toBe(0)
  })

  it('ends on every replica the file of a session that PHP destroyed, also when its cookie stays', async () => {
    await signedIn()
    await there.request(visitor, () => { expect(run(there, "echo $_SESSION['n'];")).toBe('1') })
    // Something else is in the session, or it would be over with its file.
    visitor.entries.set('another', { value: new Uint8Array(), expiresAt: undefined })
    await here.request(visitor, () => { run(here, 'session_destroy();') })
    await there.request(visitor, () => { expect(run(there, "echo isset($_SESSION['n']) ? 'back' : 'gone';")).toBe('gone') })
  })

  it('waits for PHP that has answered and not yet written, without holding up others', async () => {
    await signedIn()
    const { load, foundBusy } = watchedFlock()
    const app = sessionApp(here.folder, { loadFlock: load })
    let settled = false
    let script: Awaited<ReturnType<typeof holding>> | undefined
    const pending = app.request(visitor, async () => { script = await holding(app, "$_SESSION['n'] = 2;") })
    void pending.finally(() => { settled = true })
    await foundBusy
    await turn()
    expect(settled).toBe(false)
    await script?.goOn()
    await pending
    expect(state()).toEqual(['n|i:2;'])
  })

  it('does not replace a file that PHP has locked, until PHP is done', async () => {
    await signedIn()
    await there.request(visitor)
    const stale = await holding(there, "$_SESSION['n'] = 99;")
    await here.request(visitor, () => { run(here, "$_SESSION['n'] = 2;") })
    const { load, foundBusy } = watchedFlock()
    const app = sessionApp(there.folder, { loadFlock: load })
    const pending = app.request(visitor, () => { expect(run(there, "echo $_SESSION['n'];")).toBe('2') })
    await foundBusy
    expect(readFileSync(there.path('abc'), 'utf8')).toBe('n|i:1;')
    await stale.goOn()
    await pending
    expect(state()).toEqual(['n|i:2;'])
  })

  it('answers session_busy when PHP keeps the lock for too long', async () => {
    await signedIn()
    await there.request(visitor)
    const script = await holding(there, '')
    await here.request(visitor, () => { run(here, "$_SESSION['n'] = 2;") })
    const app = sessionApp(there.folder, { lockWaitMs: 50 })
    await expect(app.request(visitor)).rejects.toMatchObject({ code: 'session_busy' })
    await script.goOn()
    await app.request(visitor, () => { expect(run(there, "echo $_SESSION['n'];")).toBe('2') })
  })

  it('does not wait for a lock that another request under way may hold; the last one takes in what was written', async () => {
    await signedIn()
    const app = sessionApp(here.folder, { lockWaitMs: 60_000 })
    const slow = app.request(visitor, async () => {
      const script = await holding(app, "$_SESSION['n'] = 2;")
      // Served while the other has the session locked, and without a session of its own.
      await app.request(visitor)
      await script.goOn()
    })
    await slow
    expect(state()).toEqual(['n|i:2;'])
  })

  it('goes on without locks where there are none, and says so once', async () => {
    const app = sessionApp(here.folder, { loadFlock: () => undefined })
    await app.request(visitor, () => { run(app, "$_SESSION['n'] = 1;"); return [`${COOKIE}=abc`] })
    expect(state()).toEqual(['n|i:1;'])
    expect(app.log.lines).toMatchObject([{ level: 'warn', message: expect.stringContaining('flock') }])
  })

  it('takes an empty session as such', async () => {
    await here.request(visitor, () => { run(here, ''); return [`${COOKIE}=abc`] })
    expect(state()).toEqual([''])
    visitor.cookies.set(COOKIE, 'abc')
    await there.request(visitor, () => { expect(readFileSync(there.path('abc'), 'utf8')).toBe('') })
  })

  it('hides its temporary files from PHP\'s garbage collection', async () => {
    const temporary = join(here.folder, '.unstick-AAAAAAAAAAAA.tmp')
    writeFileSync(temporary, 'x')
    const old = spawnSync('touch', ['-d', '2 days ago', temporary])
    expect(old.status).toBe(0)
    expect(run(here, 'echo session_gc();')).toBe('0')
    expect(statSync(temporary).size).toBe(1)
  })

  it('gives PHP, running as another user, files that it takes for its own', async (context) => {
    if (process.getuid?.() !== 0 && process.env['CI'] !== 'true') context.skip('only root can give files away')
    await signedIn()
    const id = spawnSync('id', ['-u', 'www-data'], { encoding: 'utf8' }).stdout.trim()
    spawnSync('chown', ['www-data:www-data', there.folder])
    spawnSync('chmod', ['755', root.path])
    await there.request(visitor, () => {
      const { stdout } = spawnSync('php', php(there, "echo ++$_SESSION['n'];"), { encoding: 'utf8', uid: Number(id), gid: Number(id) })
      expect(stdout).toBe('2')
    })
    expect(state()).toEqual(['n|i:2;'])
    expect(statSync(there.path('abc'))).toMatchObject({ uid: Number(id) })
  })
})
