/**
 * The folder of a rule's session files: how files get into it so that the app takes them for its own.
 * Writes are atomic (a temporary file, then rename), so that no reader ever sees half a session.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync, constants, fchmodSync, fchownSync, fstatSync, lstatSync, lutimesSync, openSync, opendirSync, renameSync, statSync, unlinkSync, writeSync,
} from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { join } from 'node:path'
import type { Clock, Millis } from '../../clock.ts'
import { errnoOf } from './failure.ts'
import type { FilesLog } from './failure.ts'
import type { Rule } from './rule.ts'

/** Who a session file belongs to, and who may read it. */
interface Ownership {
  readonly uid: number
  readonly gid: number
  readonly mode: number
}

/** Hidden, and with none of the endings that apps look for: garbage collectors pass it by. */
const TEMPORARY = /^\.unstick-[\w-]{12}\.tmp$/
/** A temporary file lives less than a second; one that is older was left by a process that was killed. */
const LEFTOVER_MS: Millis = 600_000
/** Names read in one scan of a folder: 20 to 50 ms. */
const MAX_SCANNED = 20_000
const RESCAN_MS: Millis = 10_000

export class SessionFolder {
  readonly #rule: Rule
  readonly #clock: Clock
  readonly #log: FilesLog
  readonly #warned = new Set<string>()
  #learned: Ownership | undefined
  #scannedAt: Millis

  /** Looks around once: learns from the newest session file, removes what a killed predecessor left. Does not throw. */
  constructor(rule: Rule, clock: Clock, log: FilesLog) {
    this.#rule = rule
    this.#clock = clock
    this.#log = log
    this.#scannedAt = clock.now()
    this.#scan()
  }

  /** Takes the owner and mode of a file that the app has written as those of files to come. */
  learn(stats: BigIntStats): void {
    this.#learned = ownershipOf(stats)
  }

  /** Throws what the system says when the folder is not there: only in a folder that is, a missing file is a deleted one. */
  mustExist(): void {
    statSync(this.#rule.folder)
  }

  /**
   * Puts a file with `content` at `path`, in place of the one that has the stats `existing`. Not synced to the disk: the
   * store is the truth, and writes the file again after a power cut.
   */
  replace(path: string, content: Uint8Array, existing: BigIntStats | undefined): BigIntStats {
    const temporary = join(this.#rule.folder, `.unstick-${randomBytes(9).toString('base64url')}.tmp`)
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const fd = openSync(temporary, flags, 0o600)
    try {
      for (let at = 0; at < content.length;) at += writeSync(fd, content, at)
      this.#own(fd, existing === undefined ? this.#expected() : ownershipOf(existing))
      renameSync(temporary, path)
      // After the rename, which changes ctime on most file systems.
      return fstatSync(fd, { bigint: true })
    } catch (error) {
      unlinkSync(temporary)
      throw error
    } finally {
      closeSync(fd)
    }
  }

  /** Sets the times of the file to now, so that the app's garbage collection takes it for one in use. */
  refresh(path: string): void {
    const now = this.#clock.now() / 1000
    try {
      lutimesSync(path, now, now)
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT') return // Deleted just now: settle will find that out.
      if (errno !== 'EPERM' && errno !== 'EACCES') throw error
      this.#warnOnce('refresh', errno, "cannot keep the app's session files fresh: its garbage collection may delete sessions in use; run unstick as the app's user")
    }
  }

  #own(fd: number, wanted: Ownership): void {
    const is = fstatSync(fd)
    if (is.uid !== wanted.uid || is.gid !== wanted.gid) {
      try {
        fchownSync(fd, wanted.uid, wanted.gid)
      } catch (error) {
        if (errnoOf(error) !== 'EPERM') throw error
        this.#ownGroup(fd, is.uid, wanted.gid)
        this.#warnOnce('chown', 'EPERM', `cannot give session files to the app's user (uid ${wanted.uid}, gid ${wanted.gid}): run unstick as that user, or let both share a group that may read and write them`)
      }
    }
    // Last: until the owner is right, nobody else may read it. Not left to open(2), which takes the umask off.
    if ((is.mode & 0o777) !== wanted.mode) fchmodSync(fd, wanted.mode)
  }

  #ownGroup(fd: number, uid: number, gid: number): void {
    try {
      fchownSync(fd, uid, gid)
    } catch (error) {
      // Not a member of that group either: the caller warns.
      if (errnoOf(error) !== 'EPERM') throw error
    }
  }

  #expected(): Ownership {
    if (this.#learned === undefined && this.#clock.now() - this.#scannedAt >= RESCAN_MS) {
      this.#scannedAt = this.#clock.now()
      this.#scan()
    }
    return this.#learned ?? this.#ofFolder()
  }

  /** The app's user as the folder tells. A folder of root that others may write to (Debian's for PHP) does not tell. */
  #ofFolder(): Ownership {
    const { uid, gid, mode } = statSync(this.#rule.folder)
    const self = { uid: process.geteuid?.() ?? uid, gid: process.getegid?.() ?? gid }
    if (uid !== 0) return { uid, gid, mode: 0o600 }
    if (self.uid === 0 && (mode & 0o022) !== 0)
      this.#warnOnce('owner', undefined, "nothing in the folder tells which user the app runs as: its first session files belong to root until the app has written one; run unstick as the app's user")
    return { ...self, mode: 0o600 }
  }

  #scan(): void {
    const leftoverBefore = this.#clock.now() - LEFTOVER_MS
    let newest: BigIntStats | undefined
    try {
      const folder = opendirSync(this.#rule.folder)
      try {
        for (let count = 0; count < MAX_SCANNED; count += 1) {
          const entry = folder.readSync()
          if (entry === null) break
          const temporary = TEMPORARY.test(entry.name)
          if (!entry.isFile() || (!temporary && !this.#isSession(entry.name))) continue
          const path = join(this.#rule.folder, entry.name)
          const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
          if (stats === undefined) continue
          if (temporary) {
            if (Number(stats.mtimeMs) < leftoverBefore) unlinkSync(path)
          } else if (newest === undefined || stats.mtimeNs > newest.mtimeNs) newest = stats
        }
      } finally {
        folder.closeSync()
      }
    } catch (error) {
      const errno = errnoOf(error)
      // Debian's folder for PHP (1733) may be written to but not read: nothing to learn, and nothing wrong.
      if (errno === 'EACCES') return
      // Not thrown: it may come to be there later. begin and settle fail while it is not.
      this.#warnOnce('scan', errno, "cannot look into the folder of the app's session files: see that it is there and shared with unstick")
    }
    if (newest !== undefined) this.#learned = ownershipOf(newest)
  }

  #isSession(name: string): boolean {
    const { prefix, suffix } = this.#rule
    return !name.startsWith('.') && name.startsWith(prefix) && name.endsWith(suffix)
  }

  #warnOnce(what: string, errno: string | undefined, message: string): void {
    if (this.#warned.has(what)) return
    this.#warned.add(what)
    this.#log.warn({ folder: this.#rule.folder, cookie: this.#rule.cookie, errno }, `${this.#rule.folder}: ${message}`)
  }
}

function ownershipOf(stats: BigIntStats): Ownership {
  return { uid: Number(stats.uid), gid: Number(stats.gid), mode: Number(stats.mode) & 0o777 }
}
