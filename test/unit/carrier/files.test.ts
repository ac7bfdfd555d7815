import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { filesCarrier } from '../../../src/carrier/files.ts'
import { systemClock } from '../../../src/clock.ts'
import { Visitor } from '../../conformance/carrier-subject.ts'
import { keptLog } from '../../support/kept-log.ts'
import { requestWith } from '../../support/request-head.ts'
import { COOKIE, sessionApp, type SessionApp } from '../../support/session-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts'

let root: TemporaryFolder
let here: SessionApp
let there: SessionApp
let visitor: Visitor

beforeEach(async () => {
  root = await temporaryFolder()
  for (const name of ['a', 'b']) mkdirSync(join(root.path, name))
  here = sessionApp(join(root.path, 'a'))
  there = sessionApp(join(root.path, 'b'))
  visitor = new Visitor()
})
afterEach(async () => { await root[Symbol.asyncDispose]() })

const texts = (): string[] => [...visitor.entries.values()].map(({ value }) => new TextDecoder().decode(value))

/** A visitor with id `abc` and this state, known to both sides. */
async function signedIn(content = 'user=1'): Promise<void> {
  await here.request(visitor, () => { writeFileSync(here.path('abc'), content); return [`${COOKIE}=abc`] })
  visitor.cookies.set(COOKIE, 'abc')
}

describe('ids', () => {
  it('names entries by cookie and a hash, so that the store does not see the id', async () => {
    await signedIn()
    expect([...visitor.entries.keys()]).toEqual(['file:sid;ba7816bf8f01cfea'])
  })

  it.each(['../etc/passwd', '..', '.', '.hidden', 'a..b', 'a/b', 'a%2Fb', 'a\\b', 'a\0b', 'é', '', 'a'.repeat(257), 'a b', 'abc\n'])('builds no path from %j', async (id) => {
    visitor.cookies.set(COOKIE, id)
    const rendered: string[] = []
    const app = sessionApp(here.folder, { rules: [{ cookie: COOKIE, id: undefined, render: (id) => { rendered.push(id); return here.path(id) } }] })
    rendered.length = 0
    const changes = await app.request(visitor, () => [`${COOKIE}=${id}`])
    expect(rendered).toEqual([])
    expect(changes.set.size).toBe(0)
  })

  it('takes the id out of the value by the rule\'s pattern, afresh each time', async () => {
    const app = sessionApp(here.folder, { rules: [{ cookie: COOKIE, id: /^s%3A([\w-]+)\./g, render: here.path }] })
    for (let i = 0; i < 3; i += 1) await app.request(visitor, () => { writeFileSync(here.path('abc'), `n${i}`); return [`${COOKIE}=s%3Aabc.sig`] })
    expect(texts()).toEqual(['n2'])
  })

  it('is none where the file\'s name would be longer than file systems take: a cookie must not make each of its requests fail', async () => {
    const fits = 255 - 'sess_'.length
    const attempt = (length: number) => here.request(visitor, () => { if (length <= fits) writeFileSync(here.path('a'.repeat(length)), 'x'); return [`${COOKIE}=${'a'.repeat(length)}`] })
    expect((await attempt(fits)).set.size).toBe(1)
    expect((await attempt(fits + 1)).set.size).toBe(0)
  })

  it('that are new to a session which was there before ask for a new token, though none came with the request', () => {
    const carrier = filesCarrier({ rules: [{ cookie: COOKIE, id: undefined, render: here.path }], clock: systemClock, log: keptLog(), touchIntervalMs: 1, lockWaitMs: 1, maxBytes: 1 })
    const rotates = async (names: string[], id: string): Promise<boolean> => {
      const entries = new Map(names.map((name) => [name, { value: new Uint8Array(), expiresAt: undefined }]))
      const exchange = await carrier.begin({ id: undefined, entries, now: () => 0 }, requestWith([]))
      const { rotate } = exchange.capture({ status: 200, headers: ['Set-Cookie', `${COOKIE}=${id}`] })
      await exchange.settle('unsent')
      return rotate === true
    }
    return expect(Promise.all([rotates(['cookie:lang;a;/'], 'fresh'), rotates([], 'fresh')])).resolves.toEqual([true, false])
  })

  it('says once, with the folder and without the id, when a new session has left no file where it was looked for', async () => {
    for (const id of ['number1', 'number2']) await here.request(visitor, () => [`${COOKIE}=${id}`])
    expect(here.log.lines).toEqual([expect.objectContaining({ level: 'warn', detail: { cookie: COOKIE, folder: here.folder } })])
    expect(here.log.text()).not.toMatch(/number\d/)
  })

  it('says once when the app sets a cookie in which the rule finds no id', async () => {
    for (let i = 0; i < 2; i += 1) await here.request(visitor, () => [`${COOKIE}=not/an/id`])
    expect(here.log.lines).toHaveLength(1)
    expect(here.log.text()).not.toContain('not/an/id')
  })

  it.each([
    ['two rules for one cookie', [{ cookie: 'a', id: undefined, render: (id: string) => `/x/${id}` }, { cookie: 'a', id: undefined, render: (id: string) => `/y/${id}` }]],
    ['an id in a folder\'s name', [{ cookie: 'a', id: undefined, render: (id: string) => `/x/${id}/file` }]],
  ])('refuses %s', (_, rules) => {
    expect(() => filesCarrier({ rules, clock: systemClock, log: keptLog(), touchIntervalMs: 1, lockWaitMs: 1, maxBytes: 1 })).toThrow(expect.objectContaining({ code: 'config_invalid' }))
  })
})

describe('what the app leaves', () => {
  it('takes in a change of the same size within the same tick of the file system\'s clock', async () => {
    await signedIn('n=0')
    for (let i = 1; i < 10; i += 1) {
      await there.request(visitor, () => { writeFileSync(there.path('abc'), `n=${i}`) })
      expect(texts()).toEqual([`n=${i}`])
    }
  })

  it('takes a new id in place of the old one, which nobody can name any more', async () => {
    await signedIn()
    await here.request(visitor, () => { writeFileSync(here.path('new'), 'user=1'); return [`${COOKIE}=new`] })
    expect(texts()).toEqual(['user=1'])
    expect([...visitor.entries.keys()]).toEqual(['file:sid;11507a0e2f5e69d5'])
  })

  it.each([
    ['is gone', true, ['', 'kept', 'new']],
    ['is still there', false, ['kept', 'new', 'old']],
  ])('with several cookies of the name, cannot tell which was replaced: a file that %s counts as such', async (_, gone, expected) => {
    const ids = ['kept', 'old']
    const carrier = filesCarrier({ rules: [{ cookie: COOKIE, id: undefined, render: here.path }], clock: systemClock, log: keptLog(), touchIntervalMs: 1, lockWaitMs: 1000, maxBytes: 1000 })
    for (const id of ids) await here.request(visitor, () => { writeFileSync(here.path(id), id); return [`${COOKIE}=${id}`] })
    const exchange = await carrier.begin(visitor.view(), requestWith(ids.map((value) => ({ name: COOKIE, value }))))
    if (gone) unlinkSync(here.path('old'))
    writeFileSync(here.path('new'), 'new')
    exchange.capture({ status: 200, headers: ['Set-Cookie', `${COOKIE}=new`] })
    visitor.commit(await exchange.settle('complete'))
    expect(texts().sort()).toEqual(expected)
  })

  it('remembers that a file was deleted while the session lives on, and deletes the copy elsewhere', async () => {
    await signedIn()
    visitor.entries.set('another', { value: Buffer.from('another'), expiresAt: undefined })
    await there.request(visitor)
    expect(existsSync(there.path('abc'))).toBe(true)
    await here.request(visitor, () => { unlinkSync(here.path('abc')) })
    expect(texts()).toEqual(['another', ''])
    // As if restarted: nothing is remembered in memory.
    await sessionApp(there.folder).request(visitor, () => { expect(existsSync(there.path('abc'))).toBe(false) })
    await there.request(visitor, () => { writeFileSync(there.path('abc'), 'again') })
    expect(texts()).toContain('again')
  })

  it('removes the entry when the app expires the cookie, though the file is still there', async () => {
    await signedIn()
    await here.request(visitor, () => [`${COOKIE}=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT`])
    expect(texts()).toEqual([])
  })

  it('does not take up a file of a former life, unless the app changes it', async () => {
    writeFileSync(here.path('abc'), 'old')
    visitor.cookies.set(COOKIE, 'abc')
    // As PHP does with a session that it leaves alone.
    const changes = await here.request(visitor, () => { utimesSync(here.path('abc'), new Date(), new Date()) })
    expect(changes.set.size).toBe(0)
    await here.request(visitor, () => { writeFileSync(here.path('abc'), 'new') })
    expect(texts()).toEqual(['new'])
  })

  it('does not take in a file that appears under an id that is somebody else\'s', async () => {
    await here.request(visitor, () => { writeFileSync(here.path('mine'), 'of mine'); return [`${COOKIE}=mine`] })
    visitor.cookies.set(COOKIE, 'mine')
    await here.request(visitor, () => { writeFileSync(here.path('theirs'), 'of theirs'); writeFileSync(here.path('mine'), 'of mine, too') })
    expect(texts()).toEqual(['of mine, too'])
    // Nor by the id of another cookie of the app, or by one that the client sends beside its session.
    const changes = await here.request(visitor, () => ['other=theirs'])
    expect([changes.set.size, changes.remove.size]).toEqual([0, 0])
    expect(texts()).toEqual(['of mine, too'])
  })

  it('takes up the file of a cookie that is being adopted', async () => {
    writeFileSync(here.path('abc'), 'old')
    const carrier = filesCarrier({ rules: [{ cookie: COOKIE, id: undefined, render: here.path }], clock: systemClock, log: keptLog(), touchIntervalMs: 1, lockWaitMs: 1000, maxBytes: 1000 })
    const cookie = { name: COOKIE, value: 'abc' }
    const exchange = await carrier.begin(visitor.view(), requestWith([cookie], [cookie]))
    visitor.commit(await exchange.settle('complete'))
    expect(texts()).toEqual(['old'])
  })

  it('takes in nothing for a cookie without a file', async () => {
    expect((await here.request(visitor, () => [`${COOKIE}=abc`])).set.size).toBe(0)
  })

  it('keeps every byte', async () => {
    const content = Uint8Array.from({ length: 70_000 }, (_, i) => i % 251)
    await here.request(visitor, () => { writeFileSync(here.path('abc'), content); return [`${COOKIE}=abc`] })
    visitor.cookies.set(COOKIE, 'abc')
    await there.request(visitor)
    expect(readFileSync(there.path('abc')).equals(content)).toBe(true)
  })

  it('refuses a file larger than the limit by name of its cookie, and keeps what it had', async () => {
    await signedIn()
    await expect(here.request(visitor, () => { writeFileSync(here.path('abc'), Buffer.alloc(100_001)) })).rejects.toMatchObject({ code: 'too_large', message: expect.stringContaining('sid') })
    expect(texts()).toEqual(['user=1'])
    await here.request(visitor)
    expect(readFileSync(here.path('abc'), 'utf8')).toBe('user=1')
  })
})

describe('the end of an entry', () => {
  const start = 1_700_000_000_000
  const expiry = (): (number | undefined)[] => [...visitor.entries.values()].map(({ expiresAt }) => expiresAt)

  it.each([
    ['', undefined],
    ['; Max-Age=60', start + 60_000],
    ['; Expires=Tue, 14 Nov 2023 23:13:20 GMT', start + 3_600_000],
    ['; Expires=Tue, 14 Nov 2023 23:13:20 GMT; Max-Age=60', start + 60_000],
    ['; Max-Age=999999999999', start + 400 * 86_400_000],
  ])('is that of the cookie: %j', async (attributes, expected) => {
    await here.request(visitor, () => { writeFileSync(here.path('abc'), 'x'); return [`${COOKIE}=abc${attributes}`] })
    expect(expiry()).toEqual([expected])
    visitor.cookies.set(COOKIE, 'abc')
    await here.request(visitor, () => { writeFileSync(here.path('abc'), 'yy') })
    expect(expiry()).toEqual([expected])
  })

  it('moves with the cookie, but not for a moment\'s sake', async () => {
    await here.request(visitor, () => { writeFileSync(here.path('abc'), 'x'); return [`${COOKIE}=abc; Max-Age=3600`] })
    visitor.cookies.set(COOKIE, 'abc')
    expect((await here.request(visitor, () => [`${COOKIE}=abc; Max-Age=3601`])).set.size).toBe(0)
    await here.request(visitor, () => [`${COOKIE}=abc; Max-Age=7200`])
    expect(expiry()).toEqual([start + 7_200_000])
    await here.request(visitor, () => [`${COOKIE}=abc`])
    expect(expiry()).toEqual([undefined])
  })
})

describe('the local file', () => {
  it('is left as it is when it is right already', async () => {
    await signedIn()
    await there.request(visitor)
    const before = statSync(there.path('abc'))
    await there.request(visitor)
    await sessionApp(there.folder).request(visitor)
    expect(statSync(there.path('abc'))).toMatchObject({ ino: before.ino, mtimeMs: before.mtimeMs, ctimeMs: before.ctimeMs })
  })

  it('is kept fresh for the app\'s garbage collection', async () => {
    await signedIn()
    const old = new Date(Date.now() - 3_600_000)
    utimesSync(here.path('abc'), old, old)
    await here.request(visitor)
    expect(Date.now() - statSync(here.path('abc')).mtimeMs).toBeLessThan(30_000)
    expect(readFileSync(here.path('abc'), 'utf8')).toBe('user=1')
  })

  it('is written again when something else changed or deleted it between requests', async () => {
    await signedIn()
    writeFileSync(here.path('abc'), 'USER=1')
    await here.request(visitor, () => { expect(readFileSync(here.path('abc'), 'utf8')).toBe('user=1') })
    unlinkSync(here.path('abc'))
    await here.request(visitor, () => { expect(readFileSync(here.path('abc'), 'utf8')).toBe('user=1') })
  })

  it('leaves no temporary file behind', async () => {
    await signedIn()
    await there.request(visitor)
    expect(readdirSync(there.folder)).toEqual(['sess_abc'])
  })
})

describe('what is no session file', () => {
  it('refuses a link, and touches nothing behind it', async () => {
    await signedIn()
    const secret = join(root.path, 'secret')
    writeFileSync(secret, 'root:x')
    symlinkSync(secret, there.path('abc'))
    await expect(there.request(visitor)).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(readFileSync(secret, 'utf8')).toBe('root:x')
    expect(there.log.text()).toContain('no plain file')
  })

  it('does not read through a link that the response leads to', async () => {
    const secret = join(root.path, 'secret')
    writeFileSync(secret, 'root:x')
    symlinkSync(secret, here.path('evil'))
    await expect(here.request(visitor, () => [`${COOKIE}=evil`])).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(texts()).toEqual([])
  })

  it('refuses a pipe, without waiting for who might write to it', async () => {
    await signedIn()
    expect(spawnSync('mkfifo', [here.path('pipe')]).status).toBe(0)
    await expect(here.request(visitor, () => [`${COOKIE}=pipe`])).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('refuses a folder', async () => {
    mkdirSync(here.path('abc'))
    visitor.cookies.set(COOKIE, 'abc')
    await expect(here.request(visitor)).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('a folder that is gone', () => {
  it('answers store_unavailable before the app is asked, with what to do in the log and no id', async () => {
    await signedIn()
    rmSync(there.folder, { recursive: true })
    let asked = false
    await expect(there.request(visitor, () => { asked = true })).rejects.toMatchObject({ code: 'store_unavailable', message: expect.not.stringContaining('abc') })
    expect(asked).toBe(false)
    expect(there.log.lines.at(-1)).toMatchObject({ level: 'error', detail: { folder: there.folder, errno: 'ENOENT' } })
    expect(there.log.text()).not.toContain('abc')
  })

  it('is not taken for a logout when it goes during a request', async () => {
    await signedIn()
    await expect(here.request(visitor, () => { rmSync(here.folder, { recursive: true }) })).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(texts()).toEqual(['user=1'])
  })

  it('is told of at the start, and served from when it comes to be', async () => {
    const folder = join(root.path, 'later')
    const late = sessionApp(folder)
    expect(late.log.lines[0]).toMatchObject({ level: 'warn', detail: { folder, errno: 'ENOENT' } })
    mkdirSync(folder)
    await signedIn()
    await late.request(visitor, () => { expect(readFileSync(late.path('abc'), 'utf8')).toBe('user=1') })
  })

  it('that is a file instead is not a logout either', async () => {
    await signedIn()
    rmSync(there.folder, { recursive: true })
    writeFileSync(there.folder, '')
    await expect(there.request(visitor)).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})
