/** The statements of the SQLite store: rows in and out. What to write is decided elsewhere. */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { Millis } from '../clock.ts'
import { goneAt } from './rules.ts'
import type { RecordRow, Row } from './rules.ts'
import type { EntryName, StoreKey } from './store.ts'

export interface StoredRow {
  readonly id: number
  readonly row: Row
}

const COLUMNS = [
  'kind', 'gone_at', 'version', 'created_at', 'ends_at', 'expires_at', 'keep_until', 'touched_at', 'bytes', 'fence',
  'holder', 'lease_until', 'grace_until', 'successor', 'label',
] as const

/** What the columns of a record hold in a row that is none. */
const NO_RECORD: Omit<RecordRow, 'kind'> = {
  version: 0, createdAt: 0, endsAt: 0, expiresAt: 0, keepUntil: 0, touchedAt: 0, bytes: 0, fence: 0, holder: '', leaseUntil: 0, label: undefined,
}

export class SqliteRows {
  readonly #row: StatementSync
  readonly #entries: StatementSync
  readonly #sizeOf: StatementSync
  readonly #count: StatementSync
  readonly #putRow: StatementSync
  readonly #putEntry: StatementSync
  readonly #removeEntry: StatementSync
  readonly #removeEntries: StatementSync
  readonly #removeRow: StatementSync
  readonly #goneRows: StatementSync
  readonly #kindOf: StatementSync

  constructor(db: DatabaseSync) {
    this.#row = db.prepare(`SELECT id, ${COLUMNS.join(', ')} FROM sessions WHERE key = ?`)
    this.#entries = db.prepare(`SELECT ${cutsAtNul(db) ? 'CAST(name AS BLOB) AS name' : 'name'}, value FROM entries WHERE session = ?`)
    this.#sizeOf = db.prepare('SELECT length(value) AS size FROM entries WHERE session = ? AND name = ?')
    this.#count = db.prepare('SELECT count(*) AS count FROM entries WHERE session = ?')
    this.#putRow = db.prepare(
      `INSERT INTO sessions (key, ${COLUMNS.join(', ')}) VALUES (?${', ?'.repeat(COLUMNS.length)})
       ON CONFLICT (key) DO UPDATE SET ${COLUMNS.map((name) => `${name} = excluded.${name}`).join(', ')} RETURNING id`,
    )
    this.#putEntry = db.prepare(
      'INSERT INTO entries (session, name, value) VALUES (?, ?, ?) ON CONFLICT (session, name) DO UPDATE SET value = excluded.value',
    )
    this.#removeEntry = db.prepare('DELETE FROM entries WHERE session = ? AND name = ?')
    this.#removeEntries = db.prepare('DELETE FROM entries WHERE session = ?')
    this.#removeRow = db.prepare('DELETE FROM sessions WHERE id = ?')
    this.#goneRows = db.prepare('SELECT id FROM sessions WHERE gone_at <= ? LIMIT ?')
    this.#kindOf = db.prepare('SELECT kind FROM sessions WHERE key = ?')
  }

  row(key: StoreKey): StoredRow | undefined {
    const columns = this.#row.get(key)
    return columns === undefined ? undefined : { id: number(columns['id']), row: rowOf(columns) }
  }

  entries(id: number): Map<EntryName, Uint8Array> {
    const entries = new Map<EntryName, Uint8Array>()
    for (const { name, value } of this.#entries.all(id)) entries.set(name instanceof Uint8Array ? Buffer.from(name).toString() : text(name), bytes(value))
    return entries
  }

  /** undefined: no such entry. */
  sizeOf(id: number, name: EntryName): number | undefined {
    const found = this.#sizeOf.get(id, name)
    return found === undefined ? undefined : number(found['size'])
  }

  count(id: number): number {
    return number(this.#count.get(id)?.['count'])
  }

  /** Answers the id under which the row's entries lie. */
  putRow(key: StoreKey, row: Row): number {
    const record = row.kind === 'record' ? row : NO_RECORD
    const written = this.#putRow.get(
      key, row.kind, goneAt(row), record.version, record.createdAt, record.endsAt, record.expiresAt, record.keepUntil,
      record.touchedAt, record.bytes, record.fence, record.holder, record.leaseUntil,
      row.kind === 'pointer' ? row.graceUntil : 0, row.kind === 'pointer' ? row.successor : null,
      record.label ?? null,
    )
    return number(written?.['id'])
  }

  putEntry(id: number, name: EntryName, value: Uint8Array): void {
    this.#putEntry.run(id, name, value)
  }

  removeEntry(id: number, name: EntryName): void {
    this.#removeEntry.run(id, name)
  }

  removeEntries(id: number): void {
    this.#removeEntries.run(id)
  }

  /** Whether a record stands there, run out or not. */
  isRecord(key: StoreKey): boolean {
    return this.#kindOf.get(key)?.['kind'] === 'record'
  }

  /** Deletes at most `limit` rows that are gone at `now`, with their entries. */
  sweep(now: Millis, limit: number): void {
    for (const { id } of this.#goneRows.all(now, limit)) {
      this.removeEntries(number(id))
      this.#removeRow.run(number(id))
    }
  }
}

function rowOf(columns: Record<string, SQLOutputValue>): Row {
  const until = number(columns['gone_at'])
  if (columns['kind'] === 'tombstone') return { kind: 'tombstone', until }
  if (columns['kind'] === 'pointer') {
    return { kind: 'pointer', successor: bytes(columns['successor']), graceUntil: number(columns['grace_until']), until }
  }
  return {
    kind: 'record',
    version: number(columns['version']),
    createdAt: number(columns['created_at']),
    endsAt: number(columns['ends_at']),
    expiresAt: number(columns['expires_at']),
    keepUntil: number(columns['keep_until']),
    touchedAt: number(columns['touched_at']),
    bytes: number(columns['bytes']),
    fence: number(columns['fence']),
    holder: text(columns['holder']),
    leaseUntil: number(columns['lease_until']),
    label: columns['label'] === null ? undefined : bytes(columns['label']),
  }
}

/** The tables are STRICT, so a value of another type means a file that is not what it says. */
function number(value: SQLOutputValue | undefined): number {
  if (typeof value !== 'number') throw new TypeError('a number was expected in a column of the session database')
  return value
}

function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== 'string') throw new TypeError('a text was expected in a column of the session database')
  return value
}

function bytes(value: SQLOutputValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError('bytes were expected in a column of the session database')
  return value
}

/** Whether this Node reads text up to its first NUL only, as 22 does: two names would become one. */
function cutsAtNul(db: DatabaseSync): boolean {
  return db.prepare("SELECT 'a' || char(0) AS text").get()?.['text'] !== 'a\0'
}
