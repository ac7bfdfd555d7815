/** What `unstick check` and `unstick keygen` print. */
import { randomBytes } from 'node:crypto'
import { Keyring } from '../crypto/keyring.ts'
import { examineConfig, type LoadOptions } from './load.ts'
import { formatProblem } from './problem.ts'

export interface Check {
  /** One line per problem; none when the configuration can be used. */
  readonly lines: readonly string[]
  /** The file that was looked at, if any. */
  readonly file: string | undefined
  /** The key ids of the secrets, newest first: so are they called in metrics and logs. None where one is made and kept beside the store. */
  readonly keys: readonly string[]
}

/** Every problem of a configuration, as lines to print. Throws nothing for a bad configuration. */
export function checkConfig(options: LoadOptions = {}): Check {
  const { config, problems, file } = examineConfig(options)
  const secrets = config?.secrets ?? []
  return { lines: problems.map(formatProblem), file, keys: secrets.length === 0 ? [] : new Keyring(secrets).keys.map(({ idText }) => idText) }
}

/** A new secret: 256 random bits as 43 characters of base64url; and its key id. */
export function keygen(): { secret: string; keyId: string } {
  const secret = randomBytes(32).toString('base64url')
  return { secret, keyId: new Keyring([secret]).newest.idText }
}
