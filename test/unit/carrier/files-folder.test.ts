import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { knownFile, isUnchanged } from '../../../src/carrier/files/known-files.ts'
import { Visitor } from '../../conformance/carrier-subject.ts'
import { COOKIE, sessionApp } from '../../support/session-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts'

const WWW = 33
const root = process.getuid?.() === 0
/** Other owners can be given by root only. In CI they must be. */
const itAsRoot = root || process.env['CI'] === 'true' ? it : it.skip

let work: TemporaryFolder
let a: string
let b: string
let visitor: Visitor

beforeEach(async () => {
  work = await temporaryFolder()
  chmodSync(work.path, 0o755)
  a = join(work.path, 'a')
  b = join(work.path, 'b')
  mkdirSync(a)
  mkdirSync(b)
  visitor = new Visitor()
})
afterEach(async () => { await work[Symbol.asyncDispose]() })

async function signedIn(content = 'user=1'): Promise<void> {
  const app = sessionApp(a)
  await app.request(visitor, () => { writeFileSync(app.path('abc'), content); return [`${COOKIE}=abc`] })
  visitor.cookies.set(COOKIE, 'abc')
}

function ownership(path: string): { uid: number; gid: number; mode: number } {
  const { uid, gid, mode } = lstatSync(path)
  return { uid, gid, mode: mode & 0o777 }
}

function put(path: string, { uid = WWW, gid = WWW, mode = 0o640, ageS = 0 } = {}): void {
  writeFileSync(path, 'x')
  chownSync(path, uid, gid)
  chmodSync(path, mode)
  const at = Date.now() / 1000 - ageS
  utimesSync(path, at, at)
}

describe('owner and mode of a file that is placed', () => {
  beforeEach(() => signedIn())

  itAsRoot('are those of the file that it replaces', async () => {
    const app = sessionApp(b)
    put(app.path('abc'), { uid: 7, gid: 8, mode: 0o604 })
    put(app.path('newest'))
    await app.request(visitor)
    expect(readFileSync(app.path('abc'), 'utf8')).toBe('user=1')
    expect(ownership(app.path('abc'))).toEqual({ uid: 7, gid: 8, mode: 0o604 })
  })

  itAsRoot('are those of the newest session file in the folder', async () => {
    put(join(b, 'sess_old'), { uid: 7, ageS: 60 })
    put(join(b, 'sess_new'))
    put(join(b, 'README'), { uid: 8 })
    put(join(b, '.sess_hidden'), { uid: 9 })
    const app = sessionApp(b)
    await app.request(visitor)
    expect(ownership(app.path('abc'))).toEqual({ uid: WWW, gid: WWW, mode: 0o640 })
  })

  itAsRoot('are those of the file that the app wrote last', async () => {
    const app = sessionApp(b)
    const other = new Visitor()
    await app.request(other, () => { put(app.path('other')); return [`${COOKIE}=other`] })
    await app.request(visitor)
    expect(ownership(app.path('abc'))).toEqual({ uid: WWW, gid: WWW, mode: 0o640 })
  })

  itAsRoot('are those of the folder, readable for its owner only, when nothing else tells', async () => {
    chownSync(b, WWW, WWW)
    const app = sessionApp(b)
    await app.request(visitor)
    expect(ownership(app.path('abc'))).toEqual({ uid: WWW, gid: WWW, mode: 0o600 })
    expect(app.log.lines).toEqual([])
  })

  itAsRoot('stay root\'s, with a warning, in a folder of root that anybody may write to', async () => {
    chmodSync(b, 0o1733)
    const app = sessionApp(b)
    await app.request(visitor)
    expect(ownership(app.path('abc'))).toEqual({ uid: 0, gid: 0, mode: 0o600 })
    expect(app.log.lines).toMatchObject([{ level: 'warn', detail: { folder: b } }])
  })

  it('do not depend on the umask', async () => {
    const app = sessionApp(b)
    writeFileSync(app.path('abc'), 'old')
    chmodSync(app.path('abc'), 0o666)
    await app.request(visitor)
    expect(ownership(app.path('abc')).mode).toBe(0o666)
  })
})

describe('as another user than the app\'s', () => {
  itAsRoot('goes on where it may not give files away, and says once what to do', async () => {
    chmodSync(b, 0o777)
    put(join(b, 'sess_abc'), { uid: 7, gid: 7, mode: 0o644 })
    // A process of its own, which gives up being root. The store's entry comes from its arguments.
    const script = `
      import { sessionApp } from ${JSON.stringify(join(import.meta.dirname, '../../support/session-app.ts'))}
      import { Visitor } from ${JSON.stringify(join(import.meta.dirname, '../../conformance/carrier-subject.ts'))}
      const app = sessionApp(${JSON.stringify(b)})
      process.setgroups([]); process.setgid(${WWW}); process.setuid(${WWW})
      const visitor = new Visitor()
      visitor.cookies.set('${COOKIE}', 'abc')
      for (const content of ['user=1', 'user=2']) {
        visitor.entries.set('file:sid;ba7816bf8f01cfea', { value: new TextEncoder().encode(content), expiresAt: undefined })
        await app.request(visitor)
      }
      console.log(JSON.stringify(app.log.lines))`
    const run = spawnSync(process.execPath, ['--input-type=module-typescript', '-e', script], { encoding: 'utf8' })
    expect(run.stderr).toBe('')
    expect(JSON.parse(run.stdout)).toMatchObject([{ level: 'warn', detail: { folder: b, errno: 'EPERM' } }])
    expect(readFileSync(join(b, 'sess_abc'), 'utf8')).toBe('user=2')
    expect(ownership(join(b, 'sess_abc'))).toEqual({ uid: WWW, gid: WWW, mode: 0o644 })
  })
})

describe('a disk that is full', () => {
  itAsRoot('answers store_unavailable, keeps the old file whole, and recovers when there is room', async (context) => {
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', b], { encoding: 'utf8' })
    if (mounted.status !== 0) context.skip(`this container may not mount: ${mounted.stderr}`)
    try {
      await signedIn('small')
      const app = sessionApp(b)
      await app.request(visitor)
      writeFileSync(join(b, 'filler'), Buffer.alloc(50_000))
      await signedIn('L'.repeat(40_000))
      await expect(app.request(visitor)).rejects.toMatchObject({ code: 'store_unavailable', message: expect.stringContaining('ENOSPC') })
      expect(app.log.lines.at(-1)).toMatchObject({ level: 'error', detail: { folder: b, errno: 'ENOSPC' } })
      expect(readFileSync(app.path('abc'), 'utf8')).toBe('small')
      expect(readdirSync(b).sort()).toEqual(['filler', 'sess_abc'])
      unlinkSync(join(b, 'filler'))
      await app.request(visitor)
      expect(statSync(app.path('abc')).size).toBe(40_000)
    } finally {
      spawnSync('umount', [b])
    }
  })
})

describe('a sidecar that is killed while it writes', () => {
  it('leaves whole session files, and temporary ones that its successor removes when they are old', async () => {
    await signedIn()
    const script = `
      import { sessionApp } from ${JSON.stringify(join(import.meta.dirname, '../../support/session-app.ts'))}
      import { Visitor } from ${JSON.stringify(join(import.meta.dirname, '../../conformance/carrier-subject.ts'))}
      const app = sessionApp(${JSON.stringify(b)}, { maxBytes: 1e7 })
      const visitor = new Visitor()
      visitor.cookies.set('${COOKIE}', 'abc')
      for (let i = 0; ; i += 1) {
        visitor.entries.set('file:sid;ba7816bf8f01cfea', { value: new Uint8Array(2e6).fill(97 + (i % 26)), expiresAt: undefined })
        await app.request(visitor)
        if (i === 3) console.log('writing')
      }`
    for (let round = 0; round < 4; round += 1) {
      const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
      await once(child.stdout, 'data')
      child.kill('SIGKILL')
      await once(child, 'close')
      const content = readFileSync(join(b, 'sess_abc'))
      expect(content.length).toBe(2_000_000)
      expect(content.every((byte) => byte === content[0])).toBe(true)
    }
    const [old, young, foreign] = ['.unstick-AAAAAAAAAAAA.tmp', '.unstick-BBBBBBBBBBBB.tmp', '.unstick.conf']
    for (const name of [old, young, foreign]) put(join(b, name), { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, ageS: name === young ? 0 : 3600 })
    sessionApp(b)
    const names = readdirSync(b)
    expect(names).toContain(young)
    expect(names).toContain(foreign)
    expect(names).not.toContain(old)
  })
})

describe('a stat', () => {
  it('tells that nothing changed only once the clock of the file system has ticked', () => {
    const path = join(a, 'file')
    writeFileSync(path, 'x')
    const now = lstatSync(path, { bigint: true })
    expect(isUnchanged(knownFile(now, undefined), now)).toBe(false)
    const past = Object.assign(Object.create(now), { ctimeNs: now.ctimeNs - 1_000_000_000n })
    expect(isUnchanged(knownFile(past, undefined), past)).toBe(true)
    // A file system with whole seconds may not have ticked for as long.
    const whole = Object.assign(Object.create(now), { ctimeNs: (now.ctimeNs / 1_000_000_000n) * 1_000_000_000n })
    expect(isUnchanged(knownFile(whole, undefined), whole)).toBe(false)
  })
})
