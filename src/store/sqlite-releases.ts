/**
 * Waiting for leases of the SQLite store to be given back. What this process gives back it tells itself. For other processes it has to look:
 * SQLite calls nobody, and the system's word that the file has changed (inotify) comes before the change can be read, not at all from some
 * shared volumes, and is rationed in containers. Looking is cheap: `data_version` says in 3 µs whether any other process has committed, and only
 * then are the leases looked at; and it is done only while somebody waits.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { Millis } from '../clock.ts'
import type { StoreKey } from './store.ts'
import { Waiters } from './waiters.ts'

const POLL_MS = 5

export class SqliteReleases {
  readonly #db: DatabaseSync
  readonly #version: StatementSync
  readonly #isHeld: (key: StoreKey) => boolean
  readonly #waiters = new Waiters({ first: () => this.#start(), last: () => this.#stop() })
  #seen: unknown
  #poll: NodeJS.Timeout | undefined

  /** `isHeld` may throw. */
  constructor(db: DatabaseSync, isHeld: (key: StoreKey) => boolean) {
    this.#db = db
    this.#version = db.prepare('PRAGMA data_version')
    this.#isHeld = isHeld
  }

  /** Resolves at once when the lease was given back before the caller got here. */
  async wait(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    if (this.#db.isOpen && this.#isTaken(key)) await this.#waiters.wait(key, maxMs, signal)
  }

  /** This process has given it back. */
  tell(key: StoreKey): void {
    this.#waiters.call(key)
  }

  close(): void {
    this.#waiters.callAll()
    this.#stop()
  }

  #isTaken(key: StoreKey): boolean {
    try {
      return this.#isHeld(key)
    } catch {
      // The caller asks `open` next, which reports the fault.
      return false
    }
  }

  #start(): void {
    this.#poll ??= setInterval(() => this.#look(), POLL_MS)
  }

  #stop(): void {
    if (this.#waiters.size > 0) return
    clearInterval(this.#poll)
    this.#poll = undefined
  }

  /** Leases that run out by themselves are the callers' to know: they do not wait for longer. */
  #look(): void {
    try {
      const version = this.#version.get()?.['data_version']
      if (version === this.#seen) return
      this.#seen = version
    } catch {
      // Busy or broken: looking at the leases tells which.
    }
    for (const key of this.#waiters.keys()) if (!this.#isTaken(key)) this.#waiters.call(key)
  }
}
