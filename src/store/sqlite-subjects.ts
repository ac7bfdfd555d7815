/** The statements for the lists of subjects in the SQLite store. */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Millis } from '../clock.ts'
import type { StoreKey, SubjectKey } from './store.ts'

/** What has run out goes with each filing: more than the one row that it may add. */
const SWEPT_ROWS = 16

export class SqliteSubjects {
  readonly #file: StatementSync
  readonly #sweep: StatementSync
  readonly #filed: StatementSync
  readonly #unfile: StatementSync

  constructor(db: DatabaseSync) {
    this.#file = db.prepare('INSERT INTO subjects (subject, key, until) VALUES (?, ?, ?) ON CONFLICT (subject, key) DO UPDATE SET until = max(until, excluded.until)')
    this.#sweep = db.prepare('DELETE FROM subjects WHERE (subject, key) IN (SELECT subject, key FROM subjects WHERE until <= ? LIMIT ?)')
    this.#filed = db.prepare('SELECT key FROM subjects WHERE subject = ? AND until > ? ORDER BY until DESC LIMIT ?')
    this.#unfile = db.prepare('DELETE FROM subjects WHERE subject = ? AND key = ?')
  }

  file(subject: SubjectKey, key: StoreKey, until: Millis, now: Millis): void {
    this.#sweep.run(now, SWEPT_ROWS)
    this.#file.run(subject, key, until)
  }

  filed(subject: SubjectKey, most: number, now: Millis): StoreKey[] {
    return this.#filed.all(subject, now, most).map(({ key }) => String(key) as StoreKey)
  }

  unfile(subject: SubjectKey, keys: readonly StoreKey[]): void {
    for (const key of keys) this.#unfile.run(subject, key)
  }
}
