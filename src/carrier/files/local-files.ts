/** A rule's files on this machine: brought up to the session before a request, and looked at after it. */
import { unlinkSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import type { Bounded } from '../../bounded.ts'
import type { Clock, Millis } from '../../clock.ts'
import { UnstickError } from '../../errors.ts'
import { guarded } from './failure.ts'
import type { FilesLog } from './failure.ts'
import type { TryLock } from './flock.ts'
import { digestOf, isUnchanged, knownFile } from './known-files.ts'
import type { KnownFile } from './known-files.ts'
import { Patience } from './patience.ts'
import type { Rule } from './rule.ts'
import { look, NotAFile, readWhole, StillBusy, withLock } from './session-file.ts'
import type { LockedFile } from './session-file.ts'
import { SessionFolder } from './session-folder.ts'

export interface LocalFilesOptions {
  readonly clock: Clock
  readonly log: FilesLog
  /** The files last read or written, by path. */
  readonly known: Bounded<string, KnownFile>
  readonly tryLock: TryLock
  readonly touchIntervalMs: Millis
  readonly lockWaitMs: Millis
  readonly maxBytes: number
}

/** What an app left at a path: nothing, what was there before, or something else. */
export type LeftBehind = { readonly state: 'none' | 'same' } | { readonly state: 'changed'; readonly content: Uint8Array }

/** From the end of a response to the file that it has named, where none is there yet. Seen with Tomcat, of 300: 3 ms at the 90th percentile, 26 at most. */
const LATE_FILE_MS = 250
/** So many ids in a row without a file, and none is waited for: the app keeps no files for them, or keeps them elsewhere. Until there is one again. */
const MOST_MISSED = 5

const NO_LOCK: TryLock = () => 'unsupported'

export class LocalFiles {
  readonly #rule: Rule
  readonly #options: LocalFilesOptions
  readonly #folder: SessionFolder
  /** Requests under way, by path. */
  readonly #inUse = new Map<string, number>()
  /** Ids in a row that the app has named, and left no file for. */
  #missed = 0

  constructor(rule: Rule, options: LocalFilesOptions) {
    this.#rule = rule
    this.#options = options
    this.#folder = new SessionFolder(rule, options.clock, options.log)
  }

  /**
   * Sees to it that the file at `path` has exactly `content`, and is fresh. Nothing is written when it is so already. Replacing it
   * waits until the app does not hold its lock, so that the app does not go on writing to a file that is none any more. An
   * app that only waits for the lock by then would: requests of one session do not overlap under `lock: exclusive`.
   */
  async place(path: string, content: Uint8Array): Promise<KnownFile> {
    return await this.#guarded('write', async () => {
      const digest = digestOf(content)
      const stats = look(path)
      const known = this.#options.known.get(path)
      if (stats !== undefined && known?.digest === digest && isUnchanged(known, stats)) return this.#freshened(path, stats, known)
      // Compared without the lock: where it is right already, nobody waits for the app, which holds the lock through a long request.
      const patience = this.#patience()
      if (stats?.size === BigInt(content.length)) {
        const same = await withLock(path, 'shared', NO_LOCK, patience, (file) => this.#ifSame(path, file, digest, patience))
        if (same !== undefined) return same
      }
      return await withLock(path, 'exclusive', this.#options.tryLock, patience, async (file) => {
        const same = await this.#ifSame(path, file, digest, patience)
        return same ?? this.#remember(path, this.#folder.replace(path, content, file?.stats), digest)
      })
    })
  }

  /** The file, refreshed, when its content has `digest`. */
  async #ifSame(path: string, file: LockedFile | undefined, digest: string, patience: Patience): Promise<KnownFile | undefined> {
    if (file === undefined) return undefined
    const whole = await readWhole(file.fd, { maxBytes: this.#options.maxBytes, wasEmpty: true, patience })
    if (whole === undefined || digestOf(whole.content) !== digest) return undefined
    return this.#freshened(path, whole.stats, this.#remember(path, whole.stats, digest))
  }

  /** Notes what lies at `path` and belongs to no session, so that only what the app makes of it counts. undefined: nothing. */
  async observe(path: string): Promise<KnownFile | undefined> {
    return await this.#guarded('read', async () => {
      if (look(path) === undefined) return undefined
      const patience = this.#patience()
      return await withLock(path, 'shared', NO_LOCK, patience, async (file) => {
        if (file === undefined) return undefined
        // Its digest, and not only its stat: PHP sets the times of sessions that it leaves alone.
        const whole = await readWhole(file.fd, { maxBytes: this.#options.maxBytes, wasEmpty: true, patience })
        return knownFile(whole?.stats ?? file.stats, whole && digestOf(whole.content))
      })
    })
  }

  /** Deletes the copy of a file that the app has deleted elsewhere. */
  async remove(path: string): Promise<void> {
    await this.#guarded('delete', async () => {
      if (look(path) === undefined) return
      await withLock(path, 'exclusive', this.#options.tryLock, this.#patience(), (file) => {
        if (file !== undefined) unlinkSync(path)
        this.#options.known.delete(path)
      })
    })
  }

  /** Counts a request that uses the file; `leave` undoes it. */
  enter(path: string): void {
    this.#inUse.set(path, (this.#inUse.get(path) ?? 0) + 1)
  }

  leave(path: string): void {
    const count = (this.#inUse.get(path) ?? 1) - 1
    if (count === 0) this.#inUse.delete(path)
    else this.#inUse.set(path, count)
  }

  /**
   * What the app left at `path`, where `before` was. Waits while the app has the file locked, as it may answer before it writes;
   * but with other requests under way on that file (`lock: off`) the lock may be theirs, and the last of them will wait.
   */
  leftBehind(path: string, before: KnownFile | undefined): Promise<LeftBehind> {
    return this.#left(path, before, before === undefined || before.size === 0n)
  }

  /**
   * The same for an id that the app has only just named. A file that is not there yet is waited for a moment: Tomcat sends the page of its
   * form login, with a new id, before it saves the session that the login will need. Not where none ever comes: each such answer would be late.
   */
  async leftAnew(path: string): Promise<LeftBehind> {
    const patience = new Patience(this.#missed < MOST_MISSED ? LATE_FILE_MS : 0)
    let left = await this.#left(path, undefined, true)
    // What appears while we look may be seen before there is anything in it.
    while (left.state === 'none' && (await patience.wait())) left = await this.#left(path, undefined, false)
    this.#missed = left.state === 'none' ? this.#missed + 1 : 0
    return left
  }

  async #left(path: string, before: KnownFile | undefined, wasEmpty: boolean): Promise<LeftBehind> {
    return await this.#guarded('read', async () => {
      const patience = this.#patience()
      const tryLock = (this.#inUse.get(path) ?? 0) > 1 ? NO_LOCK : this.#options.tryLock
      const left = await withLock(path, 'shared', tryLock, patience, async (file): Promise<LeftBehind> => {
        if (file === undefined) return { state: 'none' }
        if (before !== undefined && isUnchanged(before, file.stats)) return { state: 'same' }
        return await this.#compare(path, file.fd, { before, wasEmpty }, patience)
      })
      if (left.state === 'none') this.#missing(path)
      return left
    })
  }

  async #compare(path: string, fd: number, { before, wasEmpty }: { before: KnownFile | undefined; wasEmpty: boolean }, patience: Patience): Promise<LeftBehind> {
    const { maxBytes } = this.#options
    const whole = await readWhole(fd, { maxBytes, wasEmpty, patience })
    if (whole === undefined)
      throw new UnstickError('too_large', `the app's session file of cookie ${this.#rule.cookie} is larger than limits.entry (${maxBytes} bytes)`)
    const digest = digestOf(whole.content)
    this.#remember(path, whole.stats, digest)
    if (digest === before?.digest) return { state: 'same' }
    this.#folder.learn(whole.stats)
    return { state: 'changed', content: whole.content }
  }

  /** A file that is not there was deleted only if its folder is: a volume that went away must log nobody out. */
  #missing(path: string): void {
    this.#folder.mustExist()
    this.#options.known.delete(path)
  }

  #freshened(path: string, stats: BigIntStats, known: KnownFile): KnownFile {
    if (this.#options.clock.now() - Number(stats.mtimeMs) < this.#options.touchIntervalMs) return known
    this.#folder.refresh(path)
    const now = look(path)
    return now === undefined ? known : this.#remember(path, now, known.digest)
  }

  #remember(path: string, stats: BigIntStats, digest: string | undefined): KnownFile {
    const known = knownFile(stats, digest)
    this.#options.known.set(path, known)
    return known
  }

  #patience(): Patience {
    return new Patience(this.#options.lockWaitMs)
  }

  async #guarded<T>(aim: string, work: () => Promise<T>): Promise<T> {
    const { log, lockWaitMs } = this.#options
    const { cookie, folder } = this.#rule
    try {
      return await guarded(this.#rule, log, aim, work)
    } catch (error) {
      if (error instanceof StillBusy)
        throw new UnstickError('session_busy', `the app has been using its session file of cookie ${cookie} for more than ${lockWaitMs} ms`)
      if (error instanceof NotAFile) {
        log.warn({ folder, cookie }, `refused to ${aim} what is no plain file (a link, a folder, a device) in place of a session file in ${folder}: remove it, and see who put it there`)
        throw new UnstickError('store_unavailable', `the app's session file of cookie ${cookie} is not a plain file`)
      }
      throw error
    }
  }
}
