/** Where a sidecar with this configuration has its admin port, for a command that has nothing but questions for it. */
import type { Address } from './config.ts'
import { examineConfig, loadConfig } from './load.ts'

/** Without a file, `run` was given flags, of which only `--admin` matters here. Throws `ConfigError` as `loadConfig` does. */
export function adminAddress({ file, admin }: { file?: string | undefined; admin?: string | undefined }): Address {
  const { file: found } = examineConfig({ file, overrides: { admin } })
  // The least that a configuration needs, in place of what only `run` was told.
  const least = found === undefined ? { upstream: 'http://127.0.0.1:3000', app: 'php', store: 'memory:' } : {}
  return loadConfig({ file, overrides: { ...least, admin } }).config.admin.listen
}
