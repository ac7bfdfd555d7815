/** What a visitor's requests came to, and whether that is what the demo promises. */
import type { Experience } from './visitor.ts'

export interface Tally {
  readonly requests: number
  /** Answers by the name of the replica. */
  readonly by: ReadonlyMap<string, number>
  /** The answer knew the visitor and all of the cart. */
  readonly kept: number
  /** The answer knew nobody. */
  readonly loggedOut: number
  /** No answer of the shop at all. */
  readonly failed: number
  readonly afterKill: { readonly requests: number; readonly cartIntact: number }
}

/** `before` and `after` the kill, in the order of the requests. */
export function tallyOf(before: readonly Experience[], after: readonly Experience[]): Tally {
  const all = [...before, ...after]
  const by = new Map<string, number>()
  for (const { replica } of all) if (replica !== undefined) by.set(replica, (by.get(replica) ?? 0) + 1)
  const count = (list: readonly Experience[], verdict: Experience['verdict']) => list.filter((one) => one.verdict === verdict).length
  return {
    requests: all.length,
    by,
    kept: count(all, 'kept'),
    loggedOut: all.filter(({ replica, user }) => replica !== undefined && user === undefined).length,
    failed: count(all, 'failed'),
    afterKill: { requests: after.length, cartIntact: count(after, 'kept') },
  }
}

/** What went otherwise than promised, as sentences; empty: with unstick every session was kept, and without it some were lost. */
export function brokenPromises(withUnstick: Tally, without: Tally): string[] {
  const broken: string[] = []
  if (withUnstick.kept < withUnstick.requests) {
    broken.push(`With unstick, ${withUnstick.requests - withUnstick.kept} of ${withUnstick.requests} requests did not keep their session.`)
  }
  if (withUnstick.by.size < 2) broken.push('With unstick, one replica gave all the answers, so that nothing is shown.')
  if (without.kept === without.requests) broken.push('Without unstick, no session was lost, so that nothing is shown.')
  return broken
}
