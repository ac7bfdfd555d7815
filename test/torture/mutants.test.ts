/** The torture finds what is broken: builds without one of the guarantees, over both stores and both carriers. All of them by hand: `npm run torture -- --mutant all`. */
import { describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type MutantName, MUTANT_NAMES, mutantNamed } from './mutants.ts'
import { mutate, tortureMutant } from './mutate.ts'
import { DEFAULTS } from './options.ts'
import { describeChecks, type Tally } from './tally.ts'
import type { CarrierName, StoreName } from './words.ts'

const options = { ...DEFAULTS, clients: 8, replicas: 2 }

async function tortured(name: MutantName, store: StoreName, carrier: CarrierName): Promise<Tally> {
  return (await tortureMutant(options, new AbortController().signal, name, { store, carrier })).tally
}

describe('each mutant', () => {
  it.each(MUTANT_NAMES)('fits the sources of now: %s', async (name) => {
    await using folder = await temporaryFolder()
    expect(mutate(folder.path, name, mutantNamed(name))).toMatch(/cli\.ts$/)
  })
})

describe.concurrent('the torture', () => {
  it.each([
    ['no-lock', 'sqlite', 'files'], ['no-lock', 'redis', 'cookies'],
    ['no-tombstone', 'sqlite', 'cookies'], ['no-tombstone', 'redis', 'files'],
    ['no-fence', 'sqlite', 'files'], ['no-fence', 'redis', 'cookies'],
    ['late-commit', 'sqlite', 'cookies'], ['late-commit', 'redis', 'files'],
  ] as const)('catches %s with %s + %s', async (name, store, carrier) => {
    const tally = await tortured(name, store, carrier)
    expect(tally.violations.some(mutantNamed(name).shows), `seed ${options.seed}: ${describeChecks(tally.byCheck()) || 'no violation'}; ${tally.line()}`).toBe(true)
  })

  it('catches nothing where nothing was taken out', async () => {
    const tally = await tortured('whole', 'sqlite', 'cookies')
    expect(tally.violations.map(({ check, what }) => `${check}: ${what}`), `seed ${options.seed}: ${tally.line()}`).toEqual([])
    expect(tally.counts.writes).toBeGreaterThan(100)
  })
})
