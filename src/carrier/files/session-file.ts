/**
 * One session file on the local disk: looking, locking, reading. Synchronous on purpose, as everything here is small and local
 * (measured: lstat 2 µs against 35 µs through the thread pool, reading 1 KB 7 µs against 170, 1 MB 0.8 ms against 0.5); only
 * waiting is not. A volume that can hang, such as NFS, is no place for session files that unstick carries anyway.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { errnoOf } from './failure.ts'
import type { LockKind, TryLock } from './flock.ts'
import type { Patience } from './patience.ts'

/** Something that is not a plain file stands where a session file should be. */
export class NotAFile extends Error {
  override readonly name = 'NotAFile'
}

/** The file did not come to rest, or its lock did not come free, in the time there was. */
export class StillBusy extends Error {
  override readonly name = 'StillBusy'
}

/** What stands at `path`, links not followed; undefined: nothing. Throws the system's errors, and `NotAFile`. */
export function look(path: string): BigIntStats | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  if (stats !== undefined && !stats.isFile()) throw new NotAFile()
  return stats
}

function open(path: string): number | undefined {
  try {
    // O_NONBLOCK: opening a FIFO must not wait for a writer.
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    if (errnoOf(error) === 'ELOOP') throw new NotAFile()
    throw error
  }
}

/** An open file; its lock goes when it is closed. */
export interface LockedFile {
  readonly fd: number
  readonly stats: BigIntStats
}

/**
 * Opens the file at `path`, takes its lock, and calls `use` while the lock is held and the path still names that file;
 * with undefined when there is no file. Waits while somebody else has the lock (`StillBusy` when it takes too long).
 */
export async function withLock<T>(
  path: string,
  kind: LockKind,
  tryLock: TryLock,
  patience: Patience,
  use: (file: LockedFile | undefined) => T | Promise<T>,
): Promise<T> {
  for (;;) {
    const fd = open(path)
    if (fd === undefined) return use(undefined)
    try {
      // `unsupported` goes on without: better than not serving at all. Said once, where tryLock comes from.
      while (tryLock(fd, kind) === 'busy') if (!(await patience.wait())) throw new StillBusy()
      const stats = fstatSync(fd, { bigint: true })
      if (!stats.isFile()) throw new NotAFile()
      // While we waited the app may have put another file here, or none: its lock was on what is no session any more.
      if (look(path)?.ino === stats.ino) return await use({ fd, stats })
    } finally {
      closeSync(fd)
    }
    if (!(await patience.wait())) throw new StillBusy()
  }
}

/**
 * All bytes of an open file, once they stand still: Tomcat writes in place, without a lock. undefined: more than `maxBytes`, which
 * are not read. `wasEmpty` false: an empty file was just truncated, perhaps, and what it gets now is waited for a moment.
 */
export async function readWhole(
  fd: number,
  options: { maxBytes: number; wasEmpty: boolean; patience: Patience },
): Promise<{ stats: BigIntStats; content: Uint8Array } | undefined> {
  let looksAtEmpty = options.wasEmpty ? 0 : 5
  for (;;) {
    const before = fstatSync(fd, { bigint: true })
    if (before.size > options.maxBytes) return undefined
    const content = readBytes(fd, Number(before.size))
    const stats = fstatSync(fd, { bigint: true })
    const still = content.length === Number(stats.size) && before.mtimeNs === stats.mtimeNs && before.ctimeNs === stats.ctimeNs
    if (still && (content.length > 0 || looksAtEmpty === 0)) return { stats, content }
    if (still) looksAtEmpty -= 1
    if (!(await options.patience.wait())) throw new StillBusy()
  }
}

function readBytes(fd: number, size: number): Uint8Array {
  // Of its own, not a slice of Node's shared pool: the session may keep it.
  const content = new Uint8Array(size)
  let length = 0
  while (length < size) {
    const got = readSync(fd, content, length, size - length, length)
    if (got === 0) break
    length += got
  }
  return length === size ? content : content.slice(0, length)
}
