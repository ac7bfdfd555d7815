/** Which known word a mistyped one was meant to be. */

/** The number of letters to insert, drop, replace or swap with their neighbour to get from `a` to `b`. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1]
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, (before[j - 2] ?? 0) + 1)
      row.push(cost)
    }
    before = last
    last = row
  }
  return last[b.length] ?? 0
}

/** The known word nearest to `word`, however far; undefined only when there is none. Case is ignored. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  // Longer than any known word by far: its distance tells nothing, and computing it would take long.
  const lower = word.slice(0, 64).toLowerCase()
  let best: string | undefined
  let distance = Infinity
  for (const candidate of known) {
    const d = editDistance(lower, candidate.toLowerCase())
    if (d < distance) [best, distance] = [candidate, d]
  }
  return best
}

/** Words that YAML had for the same: `no` is nearer to `on` than to what it means. */
const MEANT = new Map([['no', 'off'], ['false', 'off'], ['yes', 'on'], ['true', 'on']])

/** `nearest`, but only when a slip of the fingers explains the difference. */
export function likely(word: string, known: readonly string[]): string | undefined {
  const meant = MEANT.get(word.toLowerCase())
  if (meant !== undefined && known.includes(meant)) return meant
  const best = nearest(word, known)
  if (best === undefined) return undefined
  return editDistance(word.slice(0, 64).toLowerCase(), best.toLowerCase()) <= Math.max(1, Math.floor(best.length / 3)) ? best : undefined
}
