/** Waiting for a lease to be given back, as the channel of its key tells. */
import type { Millis } from '../../clock.ts'
import type { StoreKey } from '../store.ts'
import type { Channels } from './channels.ts'

/** The longest that anybody waits before asking again: a message may be lost when a connection breaks. */
const LONGEST_WAIT_MS = 5000
/** How long to wait when the store cannot tell. */
const BLIND_WAIT_MS = 250

/** Resolves when the lease may be free, at the latest after `maxMs`. `isHeld` asks the store, once: what was given back before anybody listened was not heard of. */
export async function leaseGivenBack(channels: Channels, key: StoreKey, maxMs: Millis, signal: AbortSignal, isHeld: () => Promise<boolean>): Promise<void> {
  if (signal.aborted || maxMs <= 0) return
  await new Promise<void>((resolve) => {
    let blind: NodeJS.Timeout | undefined
    const done = (): void => {
      clearTimeout(timer)
      clearTimeout(blind)
      signal.removeEventListener('abort', done)
      leave()
      resolve()
    }
    const timer = setTimeout(done, Math.min(maxMs, LONGEST_WAIT_MS))
    const leave = channels.onAny(key, done)
    signal.addEventListener('abort', done)
    const doneIfFree = (held: boolean): void => { if (!held) done() }
    // The caller asks `open` after a short while, which reports the fault if there still is one.
    channels.heard(key).then(isHeld).then(doneIfFree).catch(() => { blind = setTimeout(done, BLIND_WAIT_MS) })
  })
}
