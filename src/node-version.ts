/** Which Node unstick runs on. Asked before anything is loaded that an older one does not have, and would name as the fault. */
import { UnstickError } from './errors.ts'

/** `engines`: of package.json, as `>=22.19.0`. Throws `start_failed` on a Node that is older. */
export function requireNode(engines: string, version = process.versions.node): void {
  const oldest = engines.replace(/^>=/, '')
  if (isOlder(numbersOf(version), numbersOf(oldest))) throw new UnstickError('start_failed', `Node ${oldest} or newer is needed, and this is ${version}.`)
}

/** Without what follows a hyphen, as in a nightly build. */
const numbersOf = (version: string): number[] => version.split('-', 1).join('').split('.').map(Number)

function isOlder(version: readonly number[], oldest: readonly number[]): boolean {
  const differs = oldest.findIndex((number, i) => number !== (version[i] ?? 0))
  return differs !== -1 && (version[differs] ?? 0) < (oldest[differs] ?? 0)
}
