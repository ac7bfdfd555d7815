/**
 * Advisory locks with flock(2), which Node does not offer: PHP holds one on a session file while a request uses it.
 * Called through koffi, always without blocking (0.4 µs a call): who finds a file locked waits and asks again.
 */
import { createRequire } from 'node:module'

export type LockKind = 'shared' | 'exclusive'

/** `unsupported`: this file system has no such locks. The lock goes when the descriptor is closed. */
export type TryLock = (fd: number, kind: LockKind) => 'held' | 'busy' | 'unsupported'

// The same numbers on Linux, macOS and the BSDs (sys/file.h).
const OPERATION = { shared: 1, exclusive: 2 } as const
const NON_BLOCKING = 4

interface Koffi {
  load(library: null): { func(declaration: string): (fd: number, operation: number) => number }
  errno(): number
  readonly os: { readonly errno: Readonly<Record<string, number>> }
}

/** undefined: no flock on this platform, or no koffi for it. */
export function loadFlock(): TryLock | undefined {
  let koffi: Koffi
  let flock: (fd: number, operation: number) => number
  try {
    // Not a static import: on a platform that koffi has no binary for, that would end the process.
    koffi = createRequire(import.meta.url)('koffi') as Koffi
    flock = koffi.load(null).func('int flock(int fd, int operation)')
  } catch {
    // No binary of koffi, or no such symbol: the caller works without locks, and says so.
    return undefined
  }
  const { EWOULDBLOCK, EAGAIN, EINTR } = koffi.os.errno
  return (fd, kind) => {
    if (flock(fd, OPERATION[kind] | NON_BLOCKING) === 0) return 'held'
    const errno = koffi.errno()
    return errno === EWOULDBLOCK || errno === EAGAIN || errno === EINTR ? 'busy' : 'unsupported'
  }
}
