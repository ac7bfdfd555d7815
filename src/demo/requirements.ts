/** The demo's app runs on packages that unstick itself does not need, so they are optional and may be missing. */
import { UnstickError } from '../errors.ts'

const PACKAGES = ['express', 'express-session', 'session-file-store']

/** Throws `start_failed`, naming what is missing and how to get it. */
export function findMissing(packages: readonly string[] = PACKAGES): void {
  const missing = packages.filter((name) => !canResolve(name))
  if (missing.length === 0) return
  throw new UnstickError('start_failed', `The demo's app needs ${missing.join(', ')}, which ${missing.length === 1 ? 'is' : 'are'} not installed. Install with: npm install ${missing.join(' ')}`)
}

function canResolve(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    // Not to be found is the answer.
    return false
  }
}
