/** Makes a broken build out of the sources, and has the torture look at it. */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type Mutant, MUTANT_NAMES, mutantNamed, type MutantName } from './mutants.ts'
import type { TortureOptions } from './options.ts'
import { describeChecks } from './tally.ts'
import { type Outcome, torture } from './torture.ts'
import type { CarrierName, StoreName } from './words.ts'

/** A change that no longer fits fails the run, as it would show nothing. */
export interface Change {
  /** Below `src`. */
  readonly file: string
  readonly from: string
  readonly to: string
}

const ROOT = resolve(import.meta.dirname, '../..')

/** What the torture finds in a mutant, until it has found what can only come of the mutation. */
export async function tortureMutant(options: TortureOptions, stop: AbortSignal, name: MutantName, on: { store: StoreName; carrier: CarrierName }): Promise<Outcome> {
  const mutant = mutantNamed(name)
  await using folder = await temporaryFolder()
  const cli = mutate(folder.path, name, mutant)
  const lease = mutant.leaseMs === undefined ? {} : { leaseMs: mutant.leaseMs }
  return await torture({ ...options, ...lease, cli, faults: mutant.faults }, stop, { ...on, ms: mutant.seconds * 1000, untilFound: mutant.shows })
}

/** `name`: one of MUTANT_NAMES, or `all`. Whether each of those was caught, in every combination in which it can be. */
export async function runMutants(options: TortureOptions, stop: AbortSignal, name: string, say: (line: string) => void): Promise<boolean> {
  say(`torture of mutants: seed ${options.seed}, ${options.clients} clients, ${options.replicas} replicas`)
  let wrong = 0
  for (const known of MUTANT_NAMES.filter((each) => name === 'all' || name === each)) {
    const mutant = mutantNamed(known)
    say(`${known}: ${mutant.about}`)
    for (const store of options.stores.filter((each) => mutant.stores.includes(each))) {
      for (const carrier of options.carriers.filter((each) => mutant.carriers.includes(each))) {
        const { tally } = await tortureMutant(options, stop, known, { store, carrier })
        const first = tally.violations.find(mutant.shows)
        if ((first === undefined) !== (known === 'whole')) wrong += 1
        say(`  ${store} + ${carrier}: ${first === undefined ? `nothing in ${mutant.seconds} s, ${tally.counts.requests} requests` : `caught after ${(first.at / 1000).toFixed(1)} s, ${tally.counts.requests} requests, by ${describeChecks(tally.byCheck())}`}`)
      }
    }
  }
  say(wrong === 0 ? 'torture of mutants: all were caught, and what was whole held' : `torture of mutants: ${wrong} did not come out as they should`)
  return wrong === 0
}

/** Makes the copy in `folder`, and returns its command line. Throws when a change does not fit the sources any more. */
export function mutate(folder: string, name: string, { changes }: Mutant): string {
  cpSync(join(ROOT, 'src'), join(folder, 'src'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  for (const { file, from, to } of changes) {
    const path = join(folder, 'src', file)
    const parts = readFileSync(path, 'utf8').split(from)
    if (parts.length !== 2) throw new Error(`the mutant ${name} does not fit any more: src/${file} has ${parts.length - 1} times ${JSON.stringify(from)}; bring it up to date`)
    writeFileSync(path, parts.join(to))
  }
  return join(folder, 'src', 'cli.ts')
}
