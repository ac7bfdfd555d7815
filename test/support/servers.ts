/** Decides what can run here: suites name the servers they need. */
import { describe, test } from 'vitest'
import { installCommand, missingServers, type ServerName } from '../../scripts/servers.ts'

/**
 * `describe`, where all of `servers` are on this machine. Elsewhere the suite is reported as skipped, with what it
 * lacks in its name; with `CI=true` it fails instead, so that a pipeline cannot pass by not running.
 */
export function describeWith(servers: readonly ServerName[], name: string, suite: () => void): void {
  const missing = missingServers(servers)
  if (missing.length === 0) {
    describe(name, suite)
  } else if (process.env['CI'] === 'true') {
    describe(name, () => {
      test('has the servers that it needs', () => {
        throw new Error(`missing: ${missing.join(', ')}. As root on Debian or Ubuntu: ${installCommand(missing)}`)
      })
    })
  } else {
    describe.skip(`${name} (missing: ${missing.join(', ')})`, suite)
  }
}
