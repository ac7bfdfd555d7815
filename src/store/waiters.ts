/** Those in this process who wait for a lease to be given back, by key. */
import type { Millis } from '../clock.ts'
import { Listeners } from './listeners.ts'
import type { StoreKey } from './store.ts'

export class Waiters extends Listeners {
  /** Resolves when the key is called, after `maxMs`, or when `signal` aborts. Never rejects. */
  wait(key: StoreKey, maxMs: Millis, signal: AbortSignal): Promise<void> {
    if (signal.aborted || maxMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        leave()
        resolve()
      }
      const timer = setTimeout(done, Math.min(maxMs, LONGEST_TIMER_MS))
      signal.addEventListener('abort', done)
      const leave = this.add(key, done)
    })
  }
}

/** Node turns a longer delay into 1 ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
