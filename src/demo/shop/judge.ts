/** Whether an answer still knows the visitor. The page's script and `demo --once` judge by this same function. */

/** What the shop last confirmed: who is logged in, and how many pieces are in the cart. */
export interface Expected {
  readonly user: string
  readonly pieces: number
}

/** `new`: there was no session yet that could have been kept. */
export type Verdict = 'kept' | 'lost' | 'new'

export interface Judgement {
  readonly verdict: Verdict
  /** What to expect of the next answer. */
  readonly next: Expected | undefined
}

/**
 * Judges the answer to `act` (`read`, `login`, `logout` or `cart`). Its source is also sent to browsers as it stands,
 * so it uses nothing from outside itself.
 */
export function judge(
  expected: Expected | undefined,
  act: string,
  answer: { readonly user: string | null; readonly pieces: number },
): Judgement {
  const told = answer.user === null ? undefined : { user: answer.user, pieces: answer.pieces }
  if (act === 'logout') return { verdict: 'new', next: undefined }
  if (expected === undefined) return { verdict: 'new', next: told }
  // Whoever had to log in again and found the cart emptied has lost a session all the same.
  if (act === 'login') return { verdict: expected.pieces > answer.pieces ? 'lost' : 'new', next: told ?? expected }
  if (told !== undefined && told.user === expected.user && told.pieces >= expected.pieces) return { verdict: 'kept', next: told }
  return { verdict: 'lost', next: expected }
}
