/**
 * Who wants to hear of the end of a record in the SQLite store. What this process ends it tells itself; for what others end, SQLite says
 * cheaply that another process has changed something (`data_version`), and then the records that are watched are looked at.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Millis } from '../clock.ts'
import { Listeners } from './listeners.ts'
import type { SqliteRows } from './sqlite-rows.ts'
import type { StoreKey } from './store.ts'

/** How often it is asked, while anything is watched at all. */
const POLL_MS: Millis = 250

export class SqliteWatch {
  readonly #db: DatabaseSync
  readonly #rows: SqliteRows
  readonly #version: StatementSync
  readonly #listeners = new Listeners({ first: () => this.#start(), last: () => this.#stop() })
  #seen: unknown
  #poll: NodeJS.Timeout | undefined

  constructor(db: DatabaseSync, rows: SqliteRows) {
    this.#db = db
    this.#rows = rows
    this.#version = db.prepare('PRAGMA data_version')
  }

  add(key: StoreKey, changed: () => void): () => void {
    return this.#listeners.add(key, changed)
  }

  /** This process has ended it. */
  tell(key: StoreKey): void {
    this.#listeners.call(key)
  }

  close(): void {
    clearInterval(this.#poll)
    this.#poll = undefined
  }

  #start(): void {
    this.#poll ??= setInterval(() => this.#look(), POLL_MS).unref()
  }

  #stop(): void {
    if (this.#listeners.size === 0) this.close()
  }

  #look(): void {
    if (!this.#db.isOpen) return
    try {
      const version = this.#version.get()?.['data_version']
      if (version === this.#seen) return
      for (const key of this.#listeners.keys()) if (!this.#rows.isRecord(key)) this.#listeners.call(key)
      this.#seen = version
    } catch {
      // Busy or broken. The next round looks again, and whoever needs the store is told why it does not serve.
    }
  }
}
