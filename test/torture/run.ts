/**
 * `npm run torture`: many clients against several sidecars and one store, while processes are killed and stopped; the clients' own histories
 * tell whether the guarantees held. Exits with 0 when they did, else with 1; with 2 when it was called wrongly.
 */
import { parseOptions, type TortureOptions, USAGE } from './options.ts'
import { CHECKS } from './ledger.ts'
import { describeChecks, type Violation } from './tally.ts'
import { torture } from './torture.ts'
import { MUTANT_NAMES } from './mutants.ts'
import { runMutants } from './mutate.ts'

const stop = new AbortController()
const say = (line: string): void => { process.stdout.write(`${line}\n`) }

async function main(options: TortureOptions): Promise<boolean> {
  if (options.mutant !== undefined) return runMutants(options, stop.signal, options.mutant, say)
  const combinations = options.stores.flatMap((store) => options.carriers.map((carrier) => ({ store, carrier })))
  const { seconds, seed, clients, replicas } = options
  say(`torture: seed ${seed}, ${seconds} s over ${combinations.length} combinations, ${clients} clients, ${replicas} replicas, faults: ${options.faults.join(', ') || 'none'}`)
  const found: Violation[] = []
  for (const { store, carrier } of combinations) {
    if (stop.signal.aborted) break
    const { tally, recoveredMs } = await torture(options, stop.signal, { store, carrier, ms: (seconds * 1000) / combinations.length })
    say(`${store} + ${carrier}: in the end all work within ${recoveredMs} ms; ${tally.line()}`)
    found.push(...tally.violations)
    if (tally.violations.length > 0) say(`  VIOLATED: ${describeChecks(tally.byCheck())}`)
  }
  for (const { check, what, where, at } of found.slice(0, 8)) say(`  ${check} at ${at} ms${where === '' ? '' : ` (${where})`}: ${what}`)
  if (found.length > 0) say(`torture: ${found.length} violations. Again: npm run torture -- --seed ${seed} --seconds ${seconds} --trace FILE`)
  else say(`torture: all ${Object.keys(CHECKS).length} checks held`)
  if (stop.signal.aborted) say('torture: stopped before its time')
  return found.length === 0 && !stop.signal.aborted
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { stop.abort() })

function optionsOrUsage(): TortureOptions | undefined {
  try {
    const options = parseOptions(process.argv.slice(2))
    const { mutant } = options
    if (mutant !== undefined && mutant !== 'all' && !MUTANT_NAMES.some((name) => name === mutant)) throw new Error(`--mutant is all or one of ${MUTANT_NAMES.join(', ')}, not ${mutant}`)
    return options
  } catch (error) {
    process.stderr.write(`torture: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return undefined
  }
}

const options = optionsOrUsage()
process.exitCode = options === undefined ? 2 : (await main(options)) ? 0 : 1
