/** The tables of the SQLite store, and how a file becomes one: made with mode 0600, WAL, brought to this schema version. */
import { closeSync, openSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { UnstickError } from '../errors.ts'

/** Kept in the file as `user_version`. */
const SCHEMA_VERSION = 2

/**
 * From each version to the next. A file is brought up by the first process that opens it, while processes of the version before may go
 * on writing: new columns have to be such that they can do without. Columns that a kind of row does not use are 0 or NULL. Times
 * are milliseconds since the epoch.
 */
const STEPS = [`
  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('record', 'pointer', 'tombstone')),
    gone_at INTEGER NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    keep_until INTEGER NOT NULL,
    touched_at INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    fence INTEGER NOT NULL,
    holder TEXT NOT NULL,
    lease_until INTEGER NOT NULL,
    grace_until INTEGER NOT NULL,
    successor BLOB
  ) STRICT;
  CREATE INDEX sessions_by_gone_at ON sessions (gone_at);
  CREATE TABLE entries (
    session INTEGER NOT NULL,
    name TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (session, name)
  ) STRICT, WITHOUT ROWID;
`, `
  ALTER TABLE sessions ADD COLUMN label BLOB;
  CREATE TABLE subjects (
    subject TEXT NOT NULL,
    key TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (subject, key)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX subjects_by_until ON subjects (until);
`]

/** How long opening may wait for other processes that open or change the same file. It happens once, before anything is served. */
const OPEN_TIMEOUT_MS = 5000

/**
 * Opens or creates the file. `busyMs`: how long a statement may block this thread for another process's lock.
 * Throws `store_unavailable` when it cannot, `start_failed` when a newer version of unstick wrote it.
 */
export function openDatabase(path: string, busyMs: number): DatabaseSync {
  let db: DatabaseSync | undefined
  try {
    createPrivately(path)
    const sqlite = loadSqlite()
    db = new sqlite.DatabaseSync(path, { timeout: OPEN_TIMEOUT_MS })
    // NORMAL: a commit survives the death of any process at once; the last ones before a power cut may be lost, whole.
    retryWhileBusy(db, 'PRAGMA journal_mode = WAL')
    db.exec('PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 67108864')
    migrate(db, path)
    db.exec(`PRAGMA busy_timeout = ${busyMs}`)
    return db
  } catch (error) {
    if (db?.isOpen === true) db.close()
    if (error instanceof UnstickError) throw error
    throw new UnstickError(
      'store_unavailable',
      `Cannot open the session database ${path}: ${reason(error)}. Check that its folder exists and can be written to, and that the file is a database of unstick.`,
      { cause: error },
    )
  }
}

/** Node 22 tells on standard error, amid the log's JSON, that its SQLite is experimental. What is used of it is tested there too. */
function loadSqlite() {
  const emitWarning = process.emitWarning.bind(process)
  process.emitWarning = () => undefined
  try {
    return process.getBuiltinModule('node:sqlite')
  } finally {
    process.emitWarning = emitWarning
  }
}

/**
 * SQLite would create the file with the umask's mode; its -wal and -shm files take over the mode of the file. An
 * existing file is not opened here: closing it again would drop the locks that another connection of this process holds
 * (sqlite.org/howtocorrupt.html, 2.2).
 */
function createPrivately(path: string): void {
  try {
    closeSync(openSync(path, 'wx', 0o600))
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

/** The change to WAL needs the file alone, and SQLite does not wait for that by itself. */
function retryWhileBusy(db: DatabaseSync, sql: string): void {
  const deadline = performance.now() + OPEN_TIMEOUT_MS
  for (;;) {
    try {
      db.exec(sql)
      return
    } catch (error) {
      if (!isBusy(error) || performance.now() > deadline) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10)
    }
  }
}

function migrate(db: DatabaseSync, path: string): void {
  if (versionOf(db) === SCHEMA_VERSION) return
  db.exec('BEGIN IMMEDIATE')
  try {
    const version = versionOf(db)
    if (version > SCHEMA_VERSION) {
      throw new UnstickError(
        'start_failed',
        `The session database ${path} has schema version ${version}, and this version of unstick knows ${SCHEMA_VERSION}: a newer one wrote it. Use that one, or another file.`,
      )
    }
    for (const step of STEPS.slice(version)) db.exec(step)
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
    db.exec('COMMIT')
  } catch (error) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw error
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
}

const SQLITE_BUSY = 5
const SQLITE_LOCKED = 6

/** Whether another connection was in the way. Extended codes carry the plain one in their low byte. */
export function isBusy(error: unknown): boolean {
  if (!(error instanceof Error) || !('errcode' in error)) return false
  const code = Number(error.errcode) & 0xff
  return code === SQLITE_BUSY || code === SQLITE_LOCKED
}

/** SQLite's own words, which hold no data. */
export function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
