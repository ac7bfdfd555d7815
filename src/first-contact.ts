/** The first words with the store: whether it serves, for the log, and what time it is there. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Millis } from './clock.ts'
import type { Logger } from './log.ts'
import type { StoreClock } from './session/store-clock.ts'
import type { SessionStore } from './store/store.ts'

/** How long a start waits for it: one that is away does not keep a sidecar from starting. */
const START_WAITS_MS: Millis = 2_000
const ASK_AGAIN_MS: Millis = 1_000

/**
 * Asks until the store's time is known, which any other answer of it tells, too: the cookies of a sidecar's first session would otherwise live by a
 * clock that may be a minute off. Resolves with the first answer, be it a failure, and after 2 s at the latest; with what tells the log of it. Never rejects.
 */
export async function meetStore(store: SessionStore, clock: StoreClock, stopped: AbortSignal): Promise<(log: Logger) => void> {
  const first = ask(store, clock).then(() => ({ serves: true as const }), (error: unknown) => {
    void askAgain(store, clock, stopped)
    return { serves: false as const, error }
  })
  const enough = new AbortController()
  await Promise.race([first, pause(START_WAITS_MS, undefined, { signal: enough.signal }).catch(() => undefined)])
  enough.abort()
  return (log) => {
    void first.then((answer) => {
      if (answer.serves) log.info({ store: store.kind }, 'the store answers')
      else log.error({ store: store.kind, err: answer.error }, 'the store does not answer: requests with a session get 503 until it does')
    })
  }
}

async function ask(store: SessionStore, clock: StoreClock): Promise<void> {
  clock.learn(await store.ping())
}

async function askAgain(store: SessionStore, clock: StoreClock, stopped: AbortSignal): Promise<void> {
  while (!clock.known) {
    try {
      await pause(ASK_AGAIN_MS, undefined, { signal: stopped, ref: false })
      await ask(store, clock)
    } catch {
      // Still away, which was said, or the sidecar stops.
      if (stopped.aborted) return
    }
  }
}
