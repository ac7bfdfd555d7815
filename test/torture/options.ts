/** The options of `npm run torture`. */
import { parseArgs } from 'node:util'
import { FAULT_KINDS, type FaultKind } from './faults.ts'
import { MUTANT_NAMES } from './mutants.ts'
import type { CarrierName, StoreName } from './words.ts'

export interface TortureOptions {
  /** For all combinations together. */
  readonly seconds: number
  readonly seed: number
  readonly stores: readonly StoreName[]
  readonly carriers: readonly CarrierName[]
  readonly clients: number
  readonly replicas: number
  /** Which kinds may happen; none: no faults. */
  readonly faults: readonly FaultKind[]
  /** A broken build to run instead, or `all` of them one after another. */
  readonly mutant: string | undefined
  /** Where the history of violations goes. */
  readonly trace: string | undefined
  /** The sidecar's command line. */
  readonly cli: string | undefined
  /** How long the leases of that build are (10 s). */
  readonly leaseMs?: number
}

/** What a test starts from. */
export const DEFAULTS: TortureOptions = {
  seconds: 60, seed: Math.floor(Math.random() * 1_000_000), stores: [], carriers: [], clients: 8, replicas: 3, faults: [], mutant: undefined, trace: undefined, cli: undefined,
}

export const USAGE = `npm run torture -- [options]
  --seconds N       how long, all combinations together (60)
  --seed N          replays the plan of clients and faults, as far as timing allows
  --store S         sqlite, redis or both (both)
  --carrier C       cookies, files or both (both)
  --clients N       (24)   --replicas N   (3)
  --faults F        on, off, or kinds with commas: ${FAULT_KINDS.map((kind) => kind.replace(' ', '-')).join(',')}
  --mutant M        runs a build that is broken on purpose and expects to find that out: all, or one of ${MUTANT_NAMES.join(', ')}
  --trace FILE      writes the history of each violation there
  --cli FILE        the sidecar's command line, instead of src/cli.ts
`

/** Throws an Error that says what is wrong. */
export function parseOptions(args: readonly string[]): TortureOptions {
  const text = { type: 'string' } as const
  const { values } = parseArgs({
    args: [...args],
    options: { seconds: text, seed: text, store: text, carrier: text, clients: text, replicas: text, faults: text, mutant: text, trace: text, cli: text },
  })
  return {
    seconds: count('seconds', values.seconds, 60, 5, 86_400),
    seed: count('seed', values.seed, Math.floor(Math.random() * 1_000_000), 0, 2 ** 31),
    stores: both('store', values.store, ['sqlite', 'redis']),
    carriers: both('carrier', values.carrier, ['cookies', 'files']),
    clients: count('clients', values.clients, 24, 1, 500),
    replicas: count('replicas', values.replicas, 3, 1, 20),
    faults: faultKinds(values.faults ?? 'on'),
    mutant: values.mutant,
    trace: values.trace,
    cli: values.cli,
  }
}

function count(name: string, given: string | undefined, fallback: number, least: number, most: number): number {
  const number = given === undefined ? fallback : Number(given)
  if (!Number.isInteger(number) || number < least || number > most) throw new Error(`--${name} is a whole number from ${least} to ${most}, not ${given}`)
  return number
}

function both<T extends string>(name: string, given = 'both', known: readonly T[]): readonly T[] {
  const chosen = known.filter((one) => given === 'both' || given === one)
  if (chosen.length === 0) throw new Error(`--${name} is ${known.join(', ')} or both, not ${given}`)
  return chosen
}

function faultKinds(given: string): readonly FaultKind[] {
  if (given === 'on') return FAULT_KINDS
  if (given === 'off') return []
  return given.split(',').map((word) => {
    const kind = FAULT_KINDS.find((known) => known === word.replace('-', ' '))
    if (kind === undefined) throw new Error(`--faults is on, off or some of ${FAULT_KINDS.join(', ')}, not ${word}`)
    return kind
  })
}
