/** What people are told when the app's session files cannot be had. Never a path: it ends in the app's session id. */
import { UnstickError } from '../../errors.ts'
import type { Rule } from './rule.ts'

export interface FilesLog {
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'make room on its volume',
  EDQUOT: 'make room, or raise the quota',
  EROFS: 'mount its volume writable',
  EACCES: "run unstick as the app's user, or give it read and write access to the folder",
  EPERM: "run unstick as the app's user, or give it read and write access to the folder",
  ENOENT: 'create the folder, share it with unstick, or correct the path in carriers.files',
  ENOTDIR: 'correct the path in carriers.files',
  EMFILE: 'raise the limit of open files (ulimit -n)',
  ENFILE: "raise the system's limit of open files",
}

export function errnoOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' ? code : undefined
}

/**
 * Runs `work` on session files of `rule`; what fails in it is logged with what to do, and thrown as `store_unavailable`. Never
 * read a failure as a missing file: that would log people out. The system's error is not kept as a cause, as its message has the path.
 */
export async function guarded<T>(rule: Rule, log: FilesLog, aim: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    const errno = errnoOf(error)
    if (error instanceof UnstickError || errno === undefined) throw error
    const advice = ADVICE[errno] ?? 'check the folder and its volume'
    log.error({ folder: rule.folder, cookie: rule.cookie, errno }, `could not ${aim} a session file of the app in ${rule.folder} (${errno}): ${advice}`)
    throw new UnstickError('store_unavailable', `could not ${aim} the app's session file of cookie ${rule.cookie} (${errno}); the log of unstick says more`)
  }
}
