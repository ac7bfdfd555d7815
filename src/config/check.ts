/** What `unstick check` and `unstick keygen` print. */
import { randomBytes } from 'node:crypto'
import { examineConfig, type LoadOptions } from './load.ts'
import { formatProblem } from './problem.ts'

export interface Check {
  /** One line per problem; none when the configuration can be used. */
  readonly lines: readonly string[]
  /** The file that was looked at, if any. */
  readonly file: string | undefined
}

/** Every problem of a configuration, as lines to print. Throws nothing for a bad configuration. */
export function checkConfig(options: LoadOptions = {}): Check {
  const { problems, file } = examineConfig(options)
  return { lines: problems.map(formatProblem), file }
}

/** A new secret: 256 random bits as 43 characters of base64url. */
export function keygen(): string {
  return randomBytes(32).toString('base64url')
}
