/** What becomes of a SQLite store when its processes die, meet, or have no room; and when the file is not what it should be. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { SessionStore, SubjectKey } from '../../src/store/store.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import type { TemporaryFolder } from '../support/temporary-folder.ts'
import { testClock } from '../support/test-clock.ts'
import { until } from '../support/until.ts'
import { bytes, committed, create, given, grant, IDLE, LEASE, newKey, read, stateOf, texts, update } from './store-subject.ts'

const WRITER = fileURLToPath(new URL('../support/sqlite-writer.ts', import.meta.url))

interface Writer {
  readonly process: ChildProcess
  readonly lines: () => string[]
  readonly closed: Promise<unknown>
}

/** `limitKB`: the largest file it may write; the kernel then refuses, as it does on a full disk. */
function startWriter(args: readonly string[], limitKB?: number): Writer {
  const shell = `trap '' XFSZ; ${limitKB === undefined ? '' : `ulimit -f ${limitKB * 2};`} exec "$0" "$@"`
  const child = spawn('/bin/sh', ['-c', shell, process.execPath, WRITER, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { output += text })
  return { process: child, lines: () => output.split('\n').slice(0, -1), closed: once(child, 'close') }
}

describe('the sqlite store', () => {
  let folder: TemporaryFolder
  let path: string
  let stores: SessionStore[]
  const openStore = (clock = systemClock, busyTimeoutMs?: number): SessionStore => {
    const store = sqliteStore({ path, clock, ...(busyTimeoutMs === undefined ? {} : { busyTimeoutMs }) })
    stores.push(store)
    return store
  }
  const looked = <T>(look: (db: DatabaseSync) => T): T => {
    const db = new DatabaseSync(path)
    try {
      return look(db)
    } finally {
      db.close()
    }
  }
  const expectSound = (): void => {
    expect(looked((db) => db.prepare('PRAGMA integrity_check').all())).toEqual([{ integrity_check: 'ok' }])
  }

  beforeEach(async () => {
    folder = await temporaryFolder()
    path = join(folder.path, 'sessions.db')
    stores = []
  })
  afterEach(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await folder[Symbol.asyncDispose]()
  })

  it('has every acknowledged commit, whole, after its writers were killed', async () => {
    const store = openStore()
    const key = await given(store, { start: '0' })
    for (const name of ['p', 'q', 'r']) {
      const writer = startWriter([path, key, name, '1000000', '2000'])
      await until('the writer has committed often', () => writer.lines().length > 100, 15_000)
      writer.process.kill('SIGKILL')
      await writer.closed
      const acknowledged = Number(writer.lines().at(-1))
      const { entries } = await read(store, key)
      const value = (entry: string): number => Number(new TextDecoder().decode(entries.get(entry)))
      expect(value(`${name}.first`)).toBeGreaterThanOrEqual(acknowledged)
      expect(value(`${name}.second`)).toBe(value(`${name}.first`))
      for (let n = 1; n <= acknowledged; n += 1) expect(entries.has(`${name}.${n}.filler`)).toBe(true)
    }
    expectSound()
  })

  it('loses nothing when several processes write to one session at once', async () => {
    const store = openStore()
    const key = await given(store, { start: '0' })
    const writers = ['p', 'q'].map((name) => startWriter([path, key, name, '300', '10']))
    for (let n = 1; n <= 300; n += 1) committed(await store.commit(key, update({ [`own.${n}`]: String(n) })))
    for (const { closed, lines } of writers) {
      await closed
      expect(lines()).toHaveLength(300)
    }
    const record = await read(store, key)
    expect(record.version).toBe(901)
    expect(record.entries.size).toBe(1 + 300 + 2 * 302)
    expectSound()
  })

  it('reads while another process holds the write lock, and throws store_unavailable for a write after its time', async () => {
    const store = openStore(systemClock, 100)
    const key = await given(store, { a: '1' })
    await grant(store, key, 'one')
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    expect(await stateOf(store, key)).toBe('record')
    expect((await store.open(key, { known: 1, touch: { idleMs: IDLE, intervalMs: 60_000 } })).state).toBe('unchanged')
    expect((await store.open(key, { lock: { holder: 'two', leaseMs: LEASE } })).state).toBe('busy')
    const start = performance.now()
    const late = store.commit(key, update({ a: '2' }))
    await expect(late).rejects.toMatchObject({ code: 'store_unavailable' })
    await expect(late).rejects.toThrow(path)
    expect(performance.now() - start).toBeLessThan(5000)
    other.exec('ROLLBACK')
    other.close()
    committed(await store.commit(key, update({ a: '3' })))
    expect(await texts(store, key)).toEqual({ a: '3' })
  })

  it('writes what it was given, though the caller changed it while the store waited for the lock', async () => {
    const store = openStore()
    const key = await given(store, { a: '1' })
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    const value = new TextEncoder().encode('first')
    const delta = { ...update({}), set: new Map([['a', value]]) }
    const writing = store.commit(key, delta)
    value.fill(0x21)
    delta.set.set('b', value)
    other.exec('ROLLBACK')
    other.close()
    committed(await writing)
    expect(await texts(store, key)).toEqual({ a: 'first' })
  })

  it('throws store_unavailable where the disk is full, still reads, and has lost nothing', async () => {
    const store = openStore()
    const key = await given(store, { start: '0' })
    const writer = startWriter([path, key, 'p', '1000', '20000'], 2000)
    await writer.closed
    const lines = writer.lines()
    expect(lines.slice(-2)).toEqual(['store_unavailable', 'record'])
    expect(lines.length).toBeGreaterThan(10)
    expect((await read(store, key)).version).toBe(lines.length - 2 + 1)
    committed(await store.commit(key, update({ after: '1' })))
    expectSound()
  })

  it('says which file, and why, when it cannot be opened', async () => {
    path = join(folder.path, 'missing', 'sessions.db')
    expect(() => openStore()).toThrow(expect.objectContaining({ code: 'store_unavailable', message: expect.stringContaining(path) as string }) as Error)
    path = join(folder.path, 'a-folder')
    await mkdir(path)
    expect(() => openStore()).toThrow(expect.objectContaining({ code: 'store_unavailable', message: expect.stringContaining(path) as string }) as Error)
    path = join(folder.path, 'not-a-database')
    await writeFile(path, 'This is a letter and not a database. '.repeat(500))
    expect(() => openStore()).toThrow(expect.objectContaining({ code: 'store_unavailable', message: expect.stringContaining(path) as string }) as Error)
  })

  it('refuses a file that a newer version of unstick wrote', async () => {
    await openStore().close()
    looked((db) => { db.exec('PRAGMA user_version = 99') })
    expect(() => openStore()).toThrow(expect.objectContaining({ code: 'start_failed', message: expect.stringMatching(/99.*newer/) as string }) as Error)
  })

  it('brings a file of the version before up to this one, with the sessions in it, while a process of that version writes on', async () => {
    const key = await given(openStore(), { a: '1' })
    looked((db) => {
      // What version 1 did not have.
      db.exec('DROP TABLE subjects; ALTER TABLE sessions DROP COLUMN label; PRAGMA user_version = 1')
    })
    const store = openStore()
    expect(await texts(store, key)).toEqual({ a: '1' })
    committed(await store.commit(key, update({}, { label: bytes('whose') })))
    // As version 1 does, which knows nothing of labels.
    looked((db) => { db.prepare('UPDATE sessions SET version = version + 1 WHERE key = ?').run(key) })
    expect(await store.open(key, {})).toMatchObject({ record: { version: 3, label: bytes('whose') } })
    await store.file('a subject' as SubjectKey, key, 1_000)
    expect(await openStore().filed('a subject' as SubjectKey, 1)).toEqual([key])
  })

  it('throws store_unavailable, and not absent, once the file is damaged', async () => {
    const key = await given(openStore(), { a: '1' })
    looked((db) => { db.exec('PRAGMA wal_checkpoint(TRUNCATE)') })
    await stores[0]?.close()
    const size = (await stat(path)).size
    const file = await open(path, 'r+')
    await file.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
    await file.close()
    const opening = (async () => openStore().open(key, {}))()
    await expect(opening).rejects.toMatchObject({ code: 'store_unavailable' })
  })

  it('keeps its files to their owner', async () => {
    await given(openStore(), { a: '1' })
    for (const file of [path, `${path}-wal`, `${path}-shm`]) expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it('sweeps ended sessions as others are written, a few at a time', async () => {
    const clock = testClock()
    const store = openStore(clock)
    for (let n = 0; n < 300; n += 1) await given(store, { a: '1' })
    clock.advance(IDLE)
    const kept = await given(store, { a: 'kept' })
    for (let n = 0; n < 100; n += 1) committed(await store.commit(kept, update({ n: String(n) })))
    expect(looked((db) => db.prepare('SELECT count(*) AS n FROM sessions').get())).toEqual({ n: 1 })
    expect(looked((db) => db.prepare('SELECT count(*) AS n FROM entries').get())).toEqual({ n: 2 })
    await store.destroy(newKey(), 1000)
    expect(await texts(store, kept)).toEqual({ a: 'kept', n: '99' })
  })

  it('opens one new file from several processes at the same time', async () => {
    const key = newKey()
    const writers = ['p', 'q', 'r'].map((name) => startWriter([path, key, name, '0']))
    for (const { closed } of writers) expect(await closed).toEqual([0, null])
    committed(await openStore().commit(key, create({ a: '1' })))
  })
})
