/** One combination of store and carrier, from the first process to the last look. */
import { appendFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { Client } from './client.ts'
import { planFaults, playFaults } from './faults.ts'
import type { TortureOptions } from './options.ts'
import { Random } from './random.ts'
import type { World } from './sender.ts'
import { startSite } from './site.ts'
import { Tally, type Violation } from './tally.ts'
import { FaultWindows } from './windows.ts'
import { agent } from './wire.ts'
import { type CarrierName, LEASE_MS, type StoreName } from './words.ts'

export interface Combination {
  readonly store: StoreName
  readonly carrier: CarrierName
  /** How long the clients live; before it everything is started, and after it everybody gets to an end. */
  readonly ms: number
  /** Stop when there are some of these. */
  readonly untilFound?: (violation: Violation) => boolean
}

export interface Outcome {
  readonly tally: Tally
  /** How long it took, in the end, until the last client had written and read once more. */
  readonly recoveredMs: number
}

/** From the last fault until everything works: a lease of somebody who was killed, and so much more. */
const RECOVERY_MS = 5_000
/** Violations after which there is no need to go on: what one check has seen first, others may see soon after. */
const ENOUGH_FOUND = 3
const MOST_FOUND = 20
const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

/** `stop`: comes to an end at once, leaving nothing behind. */
export async function torture(options: TortureOptions, stop: AbortSignal, { store, carrier, ms, untilFound }: Combination): Promise<Outcome> {
  const { seed, replicas, leaseMs = LEASE_MS } = options
  await using folder = await temporaryFolder()
  await using site = await startSite({ carrier, store, replicas, cli: options.cli ?? CLI, leaseMs, folder: folder.path })
  const through = agent()
  const away = new Set<number>()
  const world: World = { carrier, ports: site.ports, away, aim: { sidecar: undefined }, windows: new FaultWindows(), tally: new Tally(), agent: through }
  const { tally, windows } = world
  const recoveryMs = leaseMs + RECOVERY_MS
  const kinds = options.faults.filter((kind) => !kind.endsWith('redis') || store === 'redis')
  const plan = planFaults(new Random(seed, `faults ${store} ${carrier}`), ms * 0.7, replicas, kinds, leaseMs)
  const startedAt = performance.now()
  const enough = new AbortController()
  const faultsEnd = AbortSignal.any([enough.signal, stop])
  const faults = playFaults(plan, site, world, faultsEnd)
  const clients = Array.from({ length: options.clients }, (_, index) => new Client(index, seed, world))
  const broken = (): boolean => untilFound === undefined ? tally.violations.length >= MOST_FOUND : tally.violations.filter(untilFound).length >= ENOUGH_FOUND
  await Promise.all(clients.map((client) => client.live(() => stop.aborted || performance.now() - startedAt > ms || broken())))
  enough.abort()
  await faults
  const endsAt = performance.now()
  const deadline = Math.max(endsAt, windows.lastEnd(endsAt)) + recoveryMs
  const worked = await Promise.all(clients.map((client) => client.worksAgain(deadline)))
  const stuck = worked.filter((works) => !works).length
  if (stuck > 0) tally.report('stuck', `${stuck} of ${clients.length} clients could not write and read within ${recoveryMs} ms`, undefined)
  through.destroy()
  if (options.trace !== undefined && tally.violations.length > 0) {
    const lines = tally.violations.map(({ check, what, where, story }) => [`${check}: ${what} (${where})`, ...story].join('\n  '))
    const logs = [...site.sidecars, ...site.apps].map((place, index) => `output ${index}:\n${place.output()}`)
    appendFileSync(options.trace, [`${store} ${carrier}`, ...windows.lines(0), ...lines, ...logs, ''].join('\n'))
  }
  return { tally, recoveredMs: Math.round(performance.now() - endsAt) }
}
