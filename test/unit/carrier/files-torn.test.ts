/** Apps that write in place without a lock, as Tomcat's FileStore does; and session-file-store, which renames. */
import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { TryLock } from '../../../src/carrier/files/flock.ts'
import { Patience } from '../../../src/carrier/files/patience.ts'
import { readWhole, withLock } from '../../../src/carrier/files/session-file.ts'
import { Visitor } from '../../conformance/carrier-subject.ts'
import { COOKIE, sessionApp } from '../../support/session-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts'

let root: TemporaryFolder
beforeEach(async () => { root = await temporaryFolder() })
afterEach(async () => { await root[Symbol.asyncDispose]() })

describe('reading while the app writes', () => {
  it('waits for what follows a truncation', async () => {
    const path = join(root.path, 'file')
    writeFileSync(path, 'before')
    const fd = openSync(path, 'r+')
    try {
      ftruncateSync(fd)
      const reading = readWhole(fd, { maxBytes: 100, wasEmpty: false, patience: new Patience(5000) })
      await turn()
      writeSync(fd, 'after', 0)
      expect(Buffer.from((await reading)?.content ?? []).toString()).toBe('after')
    } finally {
      closeSync(fd)
    }
  })

  it('believes an empty file that stays empty', async () => {
    const path = join(root.path, 'file')
    writeFileSync(path, '')
    const fd = openSync(path, 'r')
    try {
      const whole = await readWhole(fd, { maxBytes: 100, wasEmpty: false, patience: new Patience(5000) })
      expect(whole?.content.length).toBe(0)
    } finally {
      closeSync(fd)
    }
  })

  it('does not read what is too large', async () => {
    const path = join(root.path, 'file')
    writeFileSync(path, 'abc')
    const fd = openSync(path, 'r')
    try {
      expect(await readWhole(fd, { maxBytes: 2, wasEmpty: true, patience: new Patience(5000) })).toBeUndefined()
    } finally {
      closeSync(fd)
    }
  })
})

describe('a new id whose file comes after the response, as with the login page of Tomcat', () => {
  it.each([
    ['at once', async (path: string) => { await turn(); writeFileSync(path, 'saved') }],
    ['in two steps', async (path: string) => {
      await turn()
      const fd = openSync(path, 'w')
      await turn()
      writeSync(fd, 'saved')
      closeSync(fd)
    }],
  ])('is taken in when the file is written %s', async (_, save) => {
    const app = sessionApp(root.path)
    const visitor = new Visitor()
    let saved = Promise.resolve()
    await app.request(visitor, () => {
      // Not waited for: the response is over before.
      setTimeout(() => { saved = save(app.path('new')) }, 10)
      return [`${COOKIE}=new`]
    })
    await saved
    expect([...visitor.entries.values()].map(({ value }) => Buffer.from(value).toString())).toEqual(['saved'])
    expect(app.log.lines).toEqual([])
  })

  it('is not waited for any more when none came several times in a row, until one is there again', async () => {
    const app = sessionApp(root.path)
    const saves: NodeJS.Timeout[] = []
    const late = async (id: string): Promise<boolean> => {
      const visitor = new Visitor()
      await app.request(visitor, () => {
        saves.push(setTimeout(() => { writeFileSync(app.path(id), 'saved') }, 20))
        return [`${COOKIE}=${id}`]
      })
      return visitor.entries.size === 1
    }
    for (let i = 0; i < 5; i += 1) await app.request(new Visitor(), () => [`${COOKIE}=none${i}`])
    expect(await late('one')).toBe(false)
    await app.request(new Visitor(), () => { writeFileSync(app.path('prompt'), 'saved'); return [`${COOKIE}=prompt`] })
    expect(await late('two')).toBe(true)
    for (const save of saves) clearTimeout(save)
  })
})

describe('a lock that is waited for', () => {
  const text = (fd: number | undefined): string | undefined => (fd === undefined ? undefined : readFileSync(fd, 'utf8'))

  it('is had on the file that the app put there meanwhile', async () => {
    const path = join(root.path, 'file')
    writeFileSync(path, 'old')
    writeFileSync(`${path}.new`, 'new')
    let asked = 0
    const appRenames: TryLock = () => {
      asked += 1
      if (asked > 1) return 'held'
      renameSync(`${path}.new`, path)
      return 'busy'
    }
    expect(await withLock(path, 'shared', appRenames, new Patience(5000), (file) => text(file?.fd))).toBe('new')
  })

  it('is given up when the app deletes the file meanwhile', async () => {
    const path = join(root.path, 'file')
    writeFileSync(path, 'old')
    const appDeletes: TryLock = () => { unlinkSync(path); return 'held' }
    expect(await withLock(path, 'shared', appDeletes, new Patience(5000), (file) => file)).toBeUndefined()
  })
})

interface FileStore {
  set(id: string, session: object, done: (error?: Error | null) => void): void
  get(id: string, done: (error: Error | null, session?: { user?: string } | null) => void): void
  destroy(id: string, done: (error?: Error | null) => void): void
}

describe('session-file-store', () => {
  it('is carried between two folders, and destroyed in both', async () => {
    const require = createRequire(import.meta.url)
    const Store = (require('session-file-store') as (session: unknown) => new (options: object) => FileStore)(require('express-session'))
    const [a, b] = ['a', 'b'].map((name) => {
      const folder = join(root.path, name)
      mkdirSync(folder)
      const rule = { cookie: COOKIE, id: /^s%3A([\w-]+)\./, render: (id: string) => join(folder, `${id}.json`) }
      const store = new Store({ path: folder, reapInterval: -1, retries: 0, logFn: () => undefined })
      return { folder, app: sessionApp(folder, { rules: [rule] }), set: promisify(store.set.bind(store)), get: promisify(store.get.bind(store)), destroy: promisify(store.destroy.bind(store)) }
    })
    if (a === undefined || b === undefined) throw new Error('two folders were made')
    const visitor = new Visitor()
    await a.app.request(visitor, async () => { await a.set('abc', { cookie: {}, user: 'ada' }); return [`${COOKIE}=s%3Aabc.signature`] })
    visitor.cookies.set(COOKIE, 's%3Aabc.signature')
    await b.app.request(visitor, async () => {
      expect(await b.get('abc')).toMatchObject({ user: 'ada' })
      await b.set('abc', { cookie: {}, user: 'grace' })
    })
    expect(readdirSync(b.folder)).toEqual(['abc.json'])
    // Or the session would be over with its file.
    visitor.entries.set('another', { value: new Uint8Array(), expiresAt: undefined })
    await a.app.request(visitor, async () => {
      expect(await a.get('abc')).toMatchObject({ user: 'grace' })
      await a.destroy('abc')
    })
    await b.app.request(visitor, () => { expect(() => readFileSync(join(b.folder, 'abc.json'))).toThrow('ENOENT') })
  })
})
