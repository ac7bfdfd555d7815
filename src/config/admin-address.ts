/** Where a sidecar with this configuration has its admin port, for a command that has nothing but questions for it. */
import { parseListen } from './address.ts'
import type { Address } from './config.ts'
import { examineConfig, loadConfig } from './load.ts'
import { ConfigError } from './problem.ts'

/**
 * What `admin` says, as `run` was told by `--admin`: then no configuration is read, which may need what only `run` has. Else what the configuration
 * says, or its default where there is no file. Throws `ConfigError` as `loadConfig` does.
 */
export function adminAddress({ file, admin }: { file?: string | undefined; admin?: string | undefined }): Address {
  if (admin !== undefined) return told(admin)
  const { file: found } = examineConfig({ file })
  // The least that a configuration needs, in place of what only `run` was told.
  const least = found === undefined ? { upstream: 'http://127.0.0.1:3000', app: 'php', store: 'memory:' } : {}
  return loadConfig({ file, overrides: least }).config.admin.listen
}

function told(admin: string): Address {
  const parsed = parseListen(admin)
  if (parsed.ok) return parsed.value
  // As everywhere, an @ may be the end of a password.
  const show = !admin.includes('@')
  const meant = show ? (parsed.meant ?? parsed.instead) : parsed.meant
  const hints = { ...(parsed.allowed === undefined ? {} : { allowed: parsed.allowed }), ...(meant === undefined ? {} : { meant }) }
  throw new ConfigError([{ where: '--admin', key: '', message: `${show ? JSON.stringify(admin) : 'the value'} ${parsed.problem}`, ...hints }])
}
