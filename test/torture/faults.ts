/** Faults by a plan that a seed decides: one at a time, each over before the next begins. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from './random.ts'
import type { Site } from './site.ts'
import type { FaultWindows } from './windows.ts'

/** `stop`: for a moment. `stall`: for longer than a lease lasts, so that somebody else gets it. */
export const FAULT_KINDS = ['kill sidecar', 'kill app', 'stop sidecar', 'stop app', 'stall sidecar', 'kill redis', 'stop redis'] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Fault {
  readonly kind: FaultKind
  /** Which replica. */
  readonly target: number
  /** How long after the end of the one before, and for how long. */
  readonly afterMs: number
  readonly forMs: number
}

/** After a process is back: what was refused on the way may still be told. */
const AFTERMATH_MS = 1_500
/** How long a killed holder's lease may block others, by the contract. */
export const LEASE_MS = 10_000
/** From here on there is time for a process that stands still for longer than a lease lasts. */
const ROOM_FOR_STALLS_MS = 20_000

/** In milliseconds, least and most. */
const LENGTHS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  'kill sidecar': [50, 700], 'kill app': [50, 700], 'kill redis': [50, 700],
  'stop sidecar': [400, 2_000], 'stop app': [400, 2_000], 'stop redis': [300, 3_000],
  'stall sidecar': [LEASE_MS + 1_500, LEASE_MS + 4_000],
}

/**
 * `budgetMs`: all of them together. A killed sidecar's leases must run out before the end, so one comes first where time is short. Only a
 * sidecar stands still for longer than a lease: an app without locks on its files, and with nobody waiting for its answer any more, is
 * given up after 5 s, and may write what is long out of date when it goes on.
 */
export function planFaults(random: Random, budgetMs: number, replicas: number, given: readonly FaultKind[]): Fault[] {
  const kinds = given.filter((kind) => kind !== 'stall sidecar' || budgetMs >= ROOM_FOR_STALLS_MS)
  const faults: Fault[] = []
  let round: FaultKind[] = [...kinds]
  for (let at = 0; ;) {
    if (round.length === 0) round = random.sample(kinds, kinds.length)
    const kind = round.shift()
    if (kind === undefined) return faults
    const forMs = random.int(...LENGTHS[kind])
    const afterMs = random.int(200, 1_000)
    // Starting a process takes its time, too.
    at += afterMs + forMs + (kind.startsWith('kill') ? 800 : 0)
    if (at > budgetMs) return faults
    faults.push({ kind, target: random.int(0, replicas - 1), afterMs, forMs })
  }
}

/** Plays the plan, until `signal` says that it is enough. `away`: the replicas that a balancer would take out now. */
export async function playFaults(plan: readonly Fault[], site: Site, windows: FaultWindows, away: Set<number>, signal: AbortSignal): Promise<void> {
  for (const fault of plan) {
    await pause(fault.afterMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    const over = windows.open(`${fault.kind} ${fault.target} for ${fault.forMs}`, performance.now())
    if (!fault.kind.endsWith('redis')) away.add(fault.target)
    await strike(fault, site)
    away.delete(fault.target)
    over(performance.now() + AFTERMATH_MS)
  }
}

async function strike({ kind, target, forMs }: Fault, { apps, sidecars, redis }: Site): Promise<void> {
  const place = (kind.endsWith('app') ? apps : sidecars)[target]
  switch (kind) {
    case 'kill app':
    case 'kill sidecar':
      await place?.kill()
      await pause(forMs)
      await place?.up()
      break
    case 'stop app':
    case 'stop sidecar':
    case 'stall sidecar':
      place?.stand()
      await pause(forMs)
      place?.goOn()
      break
    case 'kill redis':
      await redis?.kill()
      await pause(forMs)
      await redis?.restart()
      break
    case 'stop redis':
      await redis?.pause()
      await pause(forMs)
      redis?.resume()
  }
}
