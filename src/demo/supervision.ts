/** Brings back what died, after a while in which one can see how things go without it. */
import { asUnstickError } from '../errors.ts'
import type { Part, Replica } from './replica.ts'
import type { StackEvents } from './stack.ts'

const RESTART_AFTER_MS = 5_000

export interface Supervision extends StackEvents {
  died(replica: Supervised, what: Part | 'all', pids: readonly number[]): void
  stop(): void
}

/** What of a replica is asked here. */
export type Supervised = Pick<Replica, 'name' | 'start' | 'pidOf'>

/** `tell` gets a line for each death and each return. */
export function superviseRestarts(tell: (line: string) => void, restartAfterMs = RESTART_AFTER_MS): Supervision {
  const timers = new Map<Supervised, NodeJS.Timeout>()
  let stopped = false

  const restartLater = (replica: Supervised): void => {
    if (stopped || timers.has(replica)) return
    timers.set(replica, setTimeout(() => void restart(replica), restartAfterMs))
  }
  const restart = async (replica: Supervised): Promise<void> => {
    timers.delete(replica)
    try {
      await replica.start()
      if (!stopped) tell(`Replica ${replica.name} is back: app pid ${replica.pidOf('app')}, sidecar pid ${replica.pidOf('sidecar')}.`)
    } catch (error) {
      if (stopped) return
      tell(`Replica ${replica.name} did not come back, and will be tried again. ${asUnstickError(error, 'start_failed', String(error)).message}`)
      restartLater(replica)
    }
  }
  return {
    died(replica, what, pids) {
      if (stopped) return
      const who = what === 'all' ? `Replica ${replica.name} died with its sidecar` : `The ${what} of replica ${replica.name} died`
      tell(`${who} (pid ${pids.join(', ')}). Back in ${restartAfterMs / 1000} s.`)
      restartLater(replica)
    },
    stop() {
      stopped = true
      for (const timer of timers.values()) clearTimeout(timer)
    },
  }
}
