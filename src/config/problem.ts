/** What is wrong with a configuration: one problem, one line. */
import { UnstickError } from '../errors.ts'

export interface Problem {
  /** `unstick.yaml:3:11`, the flag `--upstream`, or the environment variable `UNSTICK_SECRET`. */
  readonly where: string
  /** Such as `carriers.files[0].path`; empty where `where` names it already. */
  readonly key: string
  /** Never holds a secret, nor anything that came from the environment or a file by `${…}`. */
  readonly message: string
  readonly allowed?: string
  readonly meant?: string
}

/** What only several keys together can get wrong. */
export interface Conflict {
  /** The keys that are at odds. The problem points at the first of them that somebody wrote. */
  readonly at: readonly Path[]
  readonly message: string
}

/** `file:line:col key: problem (allowed …, did you mean …)`. */
export function formatProblem({ where, key, message, allowed, meant }: Problem): string {
  const hints = [
    ...(allowed === undefined ? [] : [`allowed ${allowed}`]),
    ...(meant === undefined ? [] : [`did you mean ${meant}`]),
  ]
  return `${where}${key === '' ? '' : ` ${key}`}: ${message}${hints.length === 0 ? '' : ` (${hints.join(', ')})`}`
}

/** The error of a configuration that cannot be used. `message` has one line per problem. */
export class ConfigError extends UnstickError {
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super('config_invalid', problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** A place in the configuration: `['carriers', 'files', 0, 'path']`. */
export type Path = readonly (string | number)[]

/** Keys that are no plain words are quoted, so that a problem stays one line and can be read. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}
