/**
 * Builds that are broken on purpose, to show that the checker sees it: the sources are copied, one guarantee is taken out by a small change
 * of text, and the torture has to find a violation. A change that no longer fits fails the run, as it would show nothing.
 */
import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { temporaryFolder } from '../support/temporary-folder.ts'
import type { FaultKind } from './faults.ts'
import type { TortureOptions } from './options.ts'
import { describeChecks, type Violation } from './tally.ts'
import { torture } from './torture.ts'
import { type CarrierName, LOCKED_ENTRIES } from './words.ts'

interface Change {
  /** Below `src`. */
  readonly file: string
  readonly from: string
  readonly to: string
}

interface Mutant {
  readonly about: string
  readonly changes: readonly Change[]
  /** Where it can be seen at all. */
  readonly carriers: readonly CarrierName[]
  readonly faults: readonly FaultKind[]
  /** For each combination, at the most. */
  readonly seconds: number
  /** What can only come of this. An error or standing still alone may also be a build that does not run at all. */
  readonly shows: (violation: Violation) => boolean
}

const wrong = ({ check }: Violation): boolean => check !== 'error' && check !== 'stuck'

const MUTANTS: Readonly<Record<string, Mutant>> = {
  'no-lock': {
    about: 'lock: exclusive takes no lease',
    changes: [{ file: 'session/sessions.ts', from: 'request.wait === undefined\n', to: 'request.wait === undefined || request.wait.ms > 0\n' }],
    carriers: ['cookies', 'files'], faults: [], seconds: 10, shows: wrong,
  },
  'no-tombstone': {
    about: 'a write that comes after the end of its session makes it anew',
    changes: [
      { file: 'store/rules.ts', from: "if (row?.kind === 'tombstone') return refuse('gone')", to: "if (row?.kind === 'tombstone') return decideCreate(delta, now)" },
      { file: 'store/redis/commit.lua', from: 'if state == DESTROYED then return { GONE } end', to: "local mode = ARGV[1]\nif state == DESTROYED then state, mode = ABSENT, 'create' end" },
      { file: 'store/redis/commit.lua', from: "if ARGV[1] == 'create' then", to: "if mode == 'create' then" },
    ],
    // With files, requests of one session take turns: nothing is in flight during a logout.
    carriers: ['cookies'], faults: [], seconds: 15, shows: wrong,
  },
  'no-fence': {
    about: 'a holder that stood still writes although another one has taken its lease',
    changes: [
      { file: 'store/rules.ts', from: 'if (delta.lease !== undefined && !lastGranted(row, delta.lease)) return', to: "if (delta.lease?.holder === '' && !lastGranted(row, delta.lease)) return" },
      { file: 'store/redis/commit.lua', from: 'if fence ~= 0 and (', to: 'if fence < 0 and (' },
    ],
    carriers: ['cookies', 'files'], faults: ['stall sidecar'], seconds: 90,
    // Only of entries that are written under a lock: others have no fence to miss.
    shows: ({ check, what }) => (check === 'lost' || check === 'back') && LOCKED_ENTRIES.some((entry) => what.startsWith(entry)),
  },
  'late-commit': {
    about: 'what changed is written after the response has gone out',
    changes: [{
      file: 'proxy/visit.ts',
      from: '  async commit(changes: Changes, last: boolean): Promise<void> {\n    if (isEmpty(changes)) return\n',
      to: `  async commit(changes: Changes, last: boolean): Promise<void> {
    if (isEmpty(changes)) return
    if (this.#session === undefined || changes.rotate === true) return this.#write(changes, last)
    setImmediate(() => { this.#write(changes, last).catch(() => undefined) })
  }

  async #write(changes: Changes, last: boolean): Promise<void> {
`,
    }],
    carriers: ['cookies', 'files'], faults: [], seconds: 15, shows: wrong,
  },
}

/** What `--mutant` may be. */
export const MUTANT_NAMES: readonly string[] = [...Object.keys(MUTANTS), 'all']

const ROOT = resolve(import.meta.dirname, '../..')

/** `name`: one of MUTANT_NAMES. Whether each of those was caught, in every combination in which it can be. */
export async function runMutants(options: TortureOptions, stop: AbortSignal, name: string, say: (line: string) => void): Promise<boolean> {
  const chosen = Object.entries(MUTANTS).filter(([known]) => name === 'all' || name === known)
  say(`torture of mutants: seed ${options.seed}, ${options.clients} clients, ${options.replicas} replicas`)
  let missed = 0
  for (const [known, mutant] of chosen) {
    await using folder = await temporaryFolder()
    const cli = mutate(folder.path, known, mutant.changes)
    say(`${known}: ${mutant.about}`)
    for (const store of options.stores) {
      for (const carrier of mutant.carriers.filter((each) => options.carriers.includes(each))) {
        const { tally } = await torture({ ...options, cli, faults: mutant.faults }, stop, { store, carrier, ms: mutant.seconds * 1000, untilFound: mutant.shows })
        const first = tally.violations.find(mutant.shows)
        if (first === undefined) missed += 1
        say(`  ${store} + ${carrier}: ${first === undefined ? `NOT CAUGHT in ${mutant.seconds} s` : `caught after ${(first.at / 1000).toFixed(1)} s (${tally.counts.requests} requests) by ${describeChecks(tally.byCheck())}`}`)
      }
    }
  }
  say(missed === 0 ? 'torture of mutants: all were caught' : `torture of mutants: ${missed} were not caught`)
  return missed === 0
}

/** Returns the command line of the copy. */
function mutate(folder: string, name: string, changes: readonly Change[]): string {
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
