/**
 * Whether a connection can be used, so that commands fail at once while the server is known to be down, instead of
 * queueing for it. One that waits for the first attempt, or for the first one after a working connection broke, waits.
 */
import type { EventEmitter } from 'node:events'
import type { Millis } from '../../clock.ts'

/** What Redis and Cluster have in common here. */
export interface Connection extends EventEmitter {
  readonly status: string
}

export class Readiness {
  readonly #connection: Connection
  readonly #timeoutMs: Millis
  readonly #waiting = new Set<(failure: Error | undefined) => void>()
  /** Why the last attempt to connect failed; undefined: it did not, or is under way. */
  #failure: Error | undefined
  #lastError: Error | undefined
  #wasReady = false

  constructor(connection: Connection, timeoutMs: Millis) {
    this.#connection = connection
    this.#timeoutMs = timeoutMs
    connection.on('ready', () => {
      this.#wasReady = true
      this.#settle(undefined)
    })
    connection.on('error', (error: Error) => {
      this.#lastError = error
      if (!this.#wasReady) this.#settle(error)
    })
    connection.on('close', () => {
      if (this.#wasReady) this.#wasReady = false
      else this.#settle(this.#lastError ?? new Error('the connection was closed'))
    })
  }

  get isReady(): boolean {
    return this.#connection.status === 'ready'
  }

  /** Rejects with the reason when there is no connection, within the timeout. */
  whenReady(): Promise<void> {
    if (this.isReady) return Promise.resolve()
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const done = (failure: Error | undefined): void => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        if (failure === undefined) resolve()
        else reject(failure)
      }
      const timer = setTimeout(() => { done(new Error(`no connection within ${this.#timeoutMs} ms`)) }, this.#timeoutMs)
      this.#waiting.add(done)
    })
  }

  /** Ends all waiting: the connection will not come. */
  close(): void {
    this.#settle(new Error('the connection was closed'))
  }

  #settle(failure: Error | undefined): void {
    this.#failure = failure
    for (const done of this.#waiting) done(failure)
  }
}
