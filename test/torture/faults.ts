/** Faults by a plan that a seed decides: one at a time, each over before the next begins. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Random } from './random.ts'
import { rollSecrets } from './secrets.ts'
import type { World } from './sender.ts'
import type { Site } from './site.ts'
import { AFTERMATH_MS } from './windows.ts'

/**
 * `stop`: for a moment. `stall`: for longer than a lease lasts, so that somebody else gets it. `roll secrets`: no fault, but the next step of a
 * rotation of secrets, with a restart of every sidecar. `cut redis`: every connection to it breaks.
 */
export const FAULT_KINDS = ['kill sidecar', 'roll secrets', 'kill app', 'stop sidecar', 'stop app', 'cut redis', 'stall sidecar', 'kill redis', 'stop redis'] as const
export type FaultKind = (typeof FAULT_KINDS)[number]

export interface Fault {
  readonly kind: FaultKind
  /** Which replica. */
  readonly target: number
  /** How long after the end of the one before, and for how long. */
  readonly afterMs: number
  readonly forMs: number
}

/** How long before a sidecar is taken away the clients have it take leases. */
export const AIM_MS = 600

/** In milliseconds, least and most. */
function lengthOf(kind: FaultKind, leaseMs: number): readonly [number, number] {
  switch (kind) {
    case 'kill sidecar': case 'kill app': case 'kill redis': return [50, 700]
    case 'stop sidecar': case 'stop app': return [400, 2_000]
    case 'stop redis': return [300, 3_000]
    case 'cut redis': return [0, 0]
    case 'stall sidecar': return [leaseMs + 1_500, leaseMs + 4_000]
    // About that; the last of three steps waits until nothing needs the old secret.
    case 'roll secrets': return [4_000, 4_000]
  }
}

/**
 * `budgetMs`: all of them together. A killed sidecar's leases must run out before the end, so one comes first where time is short. Only a
 * sidecar stands still for longer than a lease: an app without locks on its files, and with nobody waiting for its answer any more, is
 * given up after 5 s, and may write what is long out of date when it goes on.
 */
export function planFaults(random: Random, budgetMs: number, replicas: number, given: readonly FaultKind[], leaseMs: number): Fault[] {
  // Only where there is time for a process that stands still for longer than a lease lasts.
  const kinds = given.filter((kind) => kind !== 'stall sidecar' || given.length === 1 || budgetMs >= 2 * leaseMs)
  const faults: Fault[] = []
  let round: FaultKind[] = [...kinds]
  for (let at = 0; ;) {
    if (round.length === 0) round = random.sample(kinds, kinds.length)
    const kind = round.shift()
    if (kind === undefined) return faults
    const forMs = random.int(...lengthOf(kind, leaseMs))
    const afterMs = random.int(200, 1_000)
    // Starting a process takes its time, too.
    at += afterMs + forMs + (kind.startsWith('kill') ? 800 : 0) + (isAimed(kind) ? AIM_MS : 0)
    if (at > budgetMs && faults.length > 0) return faults
    faults.push({ kind, target: random.int(0, replicas - 1), afterMs, forMs })
  }
}

const isAimed = (kind: FaultKind): boolean => kind === 'kill sidecar' || kind === 'stall sidecar'

/** Plays the plan, until `signal` says that it is enough. */
export async function playFaults(plan: readonly Fault[], site: Site, world: World, signal: AbortSignal): Promise<void> {
  const { windows, away, aim, tally } = world
  for (const fault of plan) {
    await pause(fault.afterMs, undefined, { signal }).catch(() => undefined)
    if (signal.aborted) return
    tally.fault(fault.kind)
    if (fault.kind === 'roll secrets') {
      await rollSecrets(site, world, signal)
      continue
    }
    if (isAimed(fault.kind)) {
      aim.sidecar = fault.target
      await pause(AIM_MS)
      aim.sidecar = undefined
    }
    const over = windows.open(`${fault.kind} ${fault.target} for ${fault.forMs}`, performance.now(), true)
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
      break
    case 'cut redis':
      // Our own is spared.
      await redis?.control.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
      await redis?.control.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
      break
    case 'roll secrets':
      break
  }
}
