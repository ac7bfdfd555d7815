/** The part of session-file-store that the shop uses; the package brings no types. Options: its README. */
declare module 'session-file-store' {
  import type session from 'express-session'

  interface FileStoreOptions {
    readonly path: string
    /** How often a missing file is asked for again. */
    readonly retries?: number
    /** Seconds between two sweeps of expired sessions; -1: none. */
    readonly reapInterval?: number
    readonly logFn?: (message: string) => void
  }

  export default function fileStore(s: typeof session): new (options: FileStoreOptions) => session.Store
}
