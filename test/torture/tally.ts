/** What a run counts, and what it found. */
import type { FaultKind } from './faults.ts'
import { type Check, CHECKS, type Ledger } from './ledger.ts'

export interface Violation {
  readonly check: Check
  readonly where: string
  readonly what: string
  /** Milliseconds since the clients began. */
  readonly at: number
  /** Goes on until the end of the session: what was in flight belongs to it. */
  readonly story: readonly string[]
}

const COUNTED = ['requests', 'writes', 'reads', 'sessions', 'logins', 'logouts', 'bursts', 'hangUps', 'probes', 'lapsed', 'secretsGone'] as const
export type Counted = (typeof COUNTED)[number]

export class Tally {
  readonly counts = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Record<Counted, number>
  /** Errors that a fault explains, by code. */
  readonly excused = new Map<string, number>()
  readonly faults = new Map<FaultKind, number>()
  readonly violations: Violation[] = []
  readonly #startedAt = performance.now()

  add(name: Counted): void {
    this.counts[name] += 1
  }

  fault(kind: FaultKind): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1)
  }

  excuse(code: string): void {
    this.excused.set(code, (this.excused.get(code) ?? 0) + 1)
  }

  report(check: Check, what: string, ledger: Ledger | undefined): void {
    // Enough to see what is wrong; a broken build would fill the memory.
    if (this.violations.length >= 200) return
    this.violations.push({ check, what, where: ledger?.owner ?? '', at: Math.round(performance.now() - this.#startedAt), story: ledger?.story ?? [] })
  }

  /** How many violations of each check. */
  byCheck(): Map<Check, number> {
    const found = new Map<Check, number>()
    for (const { check } of this.violations) found.set(check, (found.get(check) ?? 0) + 1)
    return found
  }

  line(): string {
    const { requests, writes, reads, sessions, logins, logouts, bursts, hangUps, probes, lapsed, secretsGone } = this.counts
    const faults = [...this.faults].map(([kind, count]) => `${kind} ${count}`).join(', ')
    const errors = [...this.excused].map(([code, count]) => `${code} ${count}`).join(', ')
    return `${requests} requests: ${writes} writes answered, ${reads} reads, ${sessions} sessions, ${logins} logins, ${logouts} logouts, ${probes} looks at ended sessions, ${bursts} bursts, ${hangUps} hang-ups, ${lapsed} lapsed; faults: ${faults || 'none'}, ${secretsGone} secrets rotated away; errors under faults: ${errors || 'none'}`
  }
}

export function describeChecks(found: ReadonlyMap<Check, number>): string {
  return [...found].map(([check, count]) => `${check} (${CHECKS[check]}): ${count}`).join('; ')
}
