/**
 * Whether `text` is what `pattern` stands for: `*` for any characters, none included; `?` for exactly one. Without backtracking
 * beyond the last `*`, so that time grows with the product of the two lengths at worst: clients choose the text.
 */
export function globMatches(pattern: string, text: string): boolean {
  let p = 0
  let t = 0
  let star = -1
  let resume = 0
  while (t < text.length) {
    if (p < pattern.length && pattern[p] === '*') {
      star = p
      resume = t
      p += 1
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      p += 1
      t += 1
    } else if (star !== -1) {
      resume += 1
      p = star + 1
      t = resume
    } else return false
  }
  while (pattern[p] === '*') p += 1
  return p === pattern.length
}
