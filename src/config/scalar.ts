/** How the schema reads a single value: as text, by a function of ours that says what is wrong with it. */
import { z } from 'zod'
import { right, wrong, type Flaw, type Parsed } from './parsed.ts'
import { likely } from './suggest.ts'
import { parseFlag } from './units.ts'

interface Doc {
  /** The type, as people read it. */
  readonly title: string
  readonly description: string
  readonly examples?: readonly string[]
  readonly type?: readonly string[]
  readonly enum?: readonly unknown[]
}

/** Read by `parse`. Values arrive as text, whatever YAML would make of them. */
export function scalar<T>(parse: (text: string) => Parsed<T>, doc: Doc) {
  return z
    .string()
    .meta({ ...doc })
    .transform((text, context): T => {
      const parsed = parse(text)
      if (parsed.ok) return parsed.value
      context.addIssue({ code: 'custom', message: parsed.problem, params: { flaw: parsed } })
      return z.NEVER
    })
}

/** The flaw that `scalar` left in an issue. */
export function flawOf(issue: z.core.$ZodIssue): Flaw | undefined {
  return issue.code === 'custom' ? (issue.params?.['flaw'] as Flaw | undefined) : undefined
}

export const oneOf = <const T extends string>(words: readonly T[]) => (text: string): Parsed<T> => {
  const word = words.find((known) => known === text)
  if (word !== undefined) return right(word)
  const meant = likely(text, words)
  return wrong('is not one of the known words', { allowed: words.join(' '), ...(meant === undefined ? {} : { meant }) })
}

export const flag = (description: string) => scalar(parseFlag, { title: 'boolean', description, type: ['boolean', 'string'] })
