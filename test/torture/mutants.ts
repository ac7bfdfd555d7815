/**
 * Builds that are broken on purpose, to show that the checker sees it: each takes one guarantee out by a small change of text in a copy of
 * the sources. `whole` takes none out, and has the short leases that some of them have: it must hold.
 */
import type { FaultKind } from './faults.ts'
import type { Check } from './ledger.ts'
import type { Change } from './mutate.ts'
import type { Violation } from './tally.ts'
import { type CarrierName, LOCKED_ENTRIES, type StoreName } from './words.ts'

export interface Mutant {
  readonly about: string
  readonly changes: readonly Change[]
  /** Where it can be seen at all. */
  readonly stores: readonly StoreName[]
  readonly carriers: readonly CarrierName[]
  readonly faults: readonly FaultKind[]
  /** Its leases, where they are shorter than those of the contract: for what comes only after a lease, to come soon. */
  readonly leaseMs?: number
  /** For each combination, at the most. */
  readonly seconds: number
  /** What can only come of this. */
  readonly shows: (violation: Violation) => boolean
}

const SHORT_LEASE_MS = 2_000
const shortLeases: Change = { file: 'session/lock.ts', from: 'export const LEASE_MS: Millis = 10_000\n', to: `export const LEASE_MS: Millis = ${SHORT_LEASE_MS}\n` }

const by = (...checks: readonly Check[]) => ({ check }: Violation): boolean => checks.includes(check)
/** An error or standing still alone may also be a build that does not run at all. */
const wrong = by('lost', 'back', 'vanished', 'foreign', 'undead', 'cut')
const everywhere = { stores: ['sqlite', 'redis'], carriers: ['cookies', 'files'] } as const

/** Those that the guarantees stand on; all the others show that each check can fail. */
export const MUTANTS = {
  'no-lock': {
    ...everywhere, faults: [], seconds: 15, shows: wrong,
    about: 'lock: exclusive takes no lease',
    changes: [{ file: 'session/sessions.ts', from: 'request.wait === undefined\n', to: 'request.wait === undefined || request.wait.ms > 0\n' }],
  },
  'no-tombstone': {
    ...everywhere, faults: [], seconds: 30, shows: wrong,
    about: 'a write that comes after the end of its session makes it anew',
    changes: [
      { file: 'store/rules.ts', from: "if (row?.kind === 'tombstone') return refuse('gone')", to: "if (row?.kind === 'tombstone') return decideCreate(delta, now)" },
      { file: 'store/redis/commit.lua', from: 'if state == DESTROYED then return { GONE } end', to: "local mode = ARGV[1]\nif state == DESTROYED then state, mode = ABSENT, 'create' end" },
      { file: 'store/redis/commit.lua', from: "if ARGV[1] == 'create' then", to: "if mode == 'create' then" },
    ],
  },
  'no-fence': {
    ...everywhere, faults: ['stall sidecar'], leaseMs: SHORT_LEASE_MS, seconds: 30,
    about: 'a holder that stood still writes although another one has taken its lease',
    changes: [
      shortLeases,
      { file: 'store/rules.ts', from: 'if (delta.lease !== undefined && !lastGranted(row, delta.lease)) return', to: "if (delta.lease?.holder === '' && !lastGranted(row, delta.lease)) return" },
      { file: 'store/redis/commit.lua', from: 'if fence ~= 0 and (', to: 'if fence < 0 and (' },
    ],
    // Only of entries that are written under a lock: others have no fence to miss.
    shows: ({ check, what }) => (check === 'lost' || check === 'back') && LOCKED_ENTRIES.some((entry) => what.startsWith(entry)),
  },
  'late-commit': {
    ...everywhere, faults: [], seconds: 15, shows: wrong,
    about: 'what changed is written after the response has gone out',
    changes: [{
      file: 'proxy/visit.ts',
      from: '  async commit(given: Changes, last: boolean): Promise<void> {\n',
      to: `  async commit(given: Changes, last: boolean): Promise<void> {
    if (isEmpty(given)) return
    if (this.#session === undefined || given.rotate === true || given.destroy === true) return this.#write(given, last)
    setImmediate(() => { this.#write(given, last).catch(() => undefined) })
  }

  async #write(given: Changes, last: boolean): Promise<void> {
`,
    }],
  },
  'miss-for-error': {
    stores: ['redis'], carriers: ['cookies', 'files'], faults: ['kill redis'], seconds: 20, shows: by('vanished'),
    about: 'a store that is away is taken for a session that is not there',
    changes: [
      { file: 'session/sessions.ts', from: 'await this.#store.open(token.storeKey, options)', to: "await this.#store.open(token.storeKey, options).catch(() => ({ state: 'absent' as const }))" },
      { file: 'session/lock.ts', from: 'await this.#store.open(key, options)', to: "await this.#store.open(key, options).catch(() => ({ state: 'absent' as const }))" },
    ],
  },
  'mixed-up': {
    ...everywhere, faults: [], seconds: 15, shows: by('foreign'),
    about: 'now and then a request gets the session of the one before it',
    changes: [
      { file: 'session/sessions.ts', from: 'export class Sessions ', to: 'let before: Token | undefined\nexport class Sessions ' },
      { file: 'session/sessions.ts', from: 'let token = asked\n', to: 'let token = before !== undefined && Math.random() < 0.1 ? before : asked\n    before = asked\n' },
    ],
  },
  'lost-secret': {
    ...everywhere, faults: ['roll secrets'], seconds: 40, shows: by('vanished', 'error'),
    about: 'sessions and tokens are never sealed and signed anew, and an old secret goes unseen',
    changes: [
      { file: 'proxy/visit.ts', from: 'tokens.isStale(token)) this', to: 'tokens.isStale(token) && Math.random() < 0) this' },
      { file: 'admin/metrics.ts', from: 'use }, uses[use])', to: 'use }, 0 * uses[use])' },
    ],
  },
  'cut-for-whole': {
    ...everywhere, faults: ['kill app'], seconds: 20, shows: by('cut'),
    about: 'an answer that broke off ends as if it were whole',
    changes: [{ file: 'proxy/reply.ts', from: '    this.#response.destroy()\n', to: '    this.#response.end()\n' }],
  },
  'impatient': {
    ...everywhere, faults: [], seconds: 15, shows: by('error'),
    about: 'who waits for a lease is turned away at once',
    changes: [{ file: 'session/lock.ts', from: 'const deadline = performance.now() + waitMs', to: 'const deadline = performance.now()' }],
  },
  'endless-lease': {
    ...everywhere, faults: ['kill sidecar'], leaseMs: SHORT_LEASE_MS, seconds: 6, shows: by('stuck'),
    about: 'the lease of a holder that was killed never ends',
    changes: [
      shortLeases,
      { file: 'store/rules.ts', from: "row.holder !== '' && row.leaseUntil > now", to: "row.holder !== '' && row.leaseUntil > 0" },
      { file: 'store/redis/open.lua', from: 'record.lease > now', to: 'record.lease > 0' },
    ],
  },
  'whole': {
    ...everywhere, faults: ['stall sidecar', 'kill sidecar'], leaseMs: SHORT_LEASE_MS, seconds: 10, shows: () => true,
    about: 'nothing is taken out, leases are short',
    changes: [shortLeases],
  },
} as const satisfies Readonly<Record<string, Mutant>>

export type MutantName = keyof typeof MUTANTS

export const MUTANT_NAMES = Object.keys(MUTANTS) as MutantName[]

export function mutantNamed(name: MutantName): Mutant {
  return MUTANTS[name]
}
