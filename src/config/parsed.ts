/** What reading one value gave: the value, or what is wrong with it. */
export type Parsed<T> = { readonly ok: true; readonly value: T } | Flaw

/**
 * A flaw reads as the end of a sentence whose subject is the value: `is not a duration`. It never repeats the value, so that
 * whoever reports it can leave out one that may be secret.
 */
export interface Flaw {
  readonly ok: false
  readonly problem: string
  /** What would have been right, as a list or a pattern. */
  readonly allowed?: string
  /** The known word that is nearest: never made of the value, so it may always be shown. */
  readonly meant?: string
  /** What to write instead, made of the value: shown only where the value may be. */
  readonly instead?: string
}

export const right = <T>(value: T): Parsed<T> => ({ ok: true, value })

export const wrong = (problem: string, hints: Omit<Flaw, 'ok' | 'problem'> = {}): Flaw => ({ ok: false, problem, ...hints })
