/** The torture of this work tree, as `npm run torture` does it by hand: every combination for a minute, all of them at a time. */
import { describe, expect, it } from 'vitest'
import { FAULT_KINDS } from './faults.ts'
import { DEFAULTS } from './options.ts'
import { type Combination, type Outcome, torture } from './torture.ts'

async function held(combination: Combination, faults: typeof DEFAULTS['faults']): Promise<Outcome['tally']> {
  const { tally } = await torture({ ...DEFAULTS, clients: 8, replicas: 3, faults }, new AbortController().signal, combination)
  // With what a person needs to look into it.
  const found = tally.violations.map(({ check, what, where, story }) => [`${check}: ${what} (${where})`, ...story.slice(-12)].join('\n  '))
  expect(found, `seed ${DEFAULTS.seed}: ${tally.line()}`).toEqual([])
  return tally
}

describe.concurrent('no client sees its session lost, behind, mixed up or alive after its logout', () => {
  it.each([['sqlite', 'cookies'], ['sqlite', 'files'], ['redis', 'cookies'], ['redis', 'files']] as const)('while processes are killed, stopped and restarted: %s + %s', async (store, carrier) => {
    const { counts, faults } = await held({ store, carrier, ms: 60_000 }, FAULT_KINDS)
    // Else it would have shown little.
    expect([counts.writes > 100, counts.reads > 100, counts.bursts > 10, counts.logouts > 3, counts.probes > 10, counts.logins > 3]).not.toContain(false)
    expect([...faults.keys()]).toEqual(expect.arrayContaining(['kill sidecar', 'roll secrets', 'kill app', 'stop sidecar', 'stop app', 'stall sidecar']))
  })

  it('while secrets are rotated, until the metrics say that nothing needs the old one', async () => {
    const { counts } = await held({ store: 'sqlite', carrier: 'files', ms: 50_000 }, ['roll secrets'])
    expect(counts.secretsGone).toBeGreaterThan(0)
  })
})
