/**
 * The `files` carrier: for apps that keep sessions in files. Before a request it brings the session's file on this machine up
 * to the store's, unless it is so already; after the response it takes in what the app left. An unchanged session costs one
 * stat before, and opening, locking and closing the file after (6 µs), or reading it where a stat cannot tell.
 */
import { Bounded } from '../bounded.ts'
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { RequestHead } from '../http/message.ts'
import type { EntryName } from '../store/store.ts'
import type { Carrier, SessionView } from './carrier.ts'
import type { FilesLog } from './files/failure.ts'
import { FilesExchange, leaveAll, type Parts, type UsedFile } from './files/files-exchange.ts'
import { loadFlock } from './files/flock.ts'
import type { TryLock } from './files/flock.ts'
import type { KnownFile } from './files/known-files.ts'
import { LocalFiles } from './files/local-files.ts'
import { compileRule, fileNames } from './files/rule.ts'
import type { FilesCarrierRule, Rule } from './files/rule.ts'

export type { FilesCarrierRule } from './files/rule.ts'
export type { FilesLog } from './files/failure.ts'

export interface FilesCarrierOptions {
  readonly rules: readonly FilesCarrierRule[]
  /** Compared with the times of files. */
  readonly clock: Clock
  readonly log: FilesLog
  /** A file that is used keeps an mtime no older than this, and a cookie's end that moves by less is not written again. */
  readonly touchIntervalMs: Millis
  /** How long to wait for a file that the app has locked, or is writing; then `session_busy`. */
  readonly lockWaitMs: Millis
  /** `limits.entry`: a larger session file is `too_large`, and not read. */
  readonly maxBytes: number
  /** Local files remembered, to tell from a stat that nothing changed: some 300 bytes each. */
  readonly maxKnownFiles?: number
  /** undefined in the value returned: locks cannot be had here. Tests replace it. */
  readonly loadFlock?: () => TryLock | undefined
}

/** Throws `config_invalid` for rules that cannot work. Looks into the rules' folders once; what it finds wrong there it logs. */
export function filesCarrier(options: FilesCarrierOptions): Carrier {
  const shared = { ...options, known: new Bounded<string, KnownFile>(options.maxKnownFiles ?? 20_000), tryLock: tryLockOr(options) }
  const rules = new Map<string, Rule>()
  const local = new Map<Rule, LocalFiles>()
  for (const given of options.rules) {
    if (rules.has(given.cookie))
      throw new UnstickError('config_invalid', `carriers.files: there are two rules for cookie ${given.cookie}; leave one`)
    const rule = compileRule(given)
    rules.set(rule.cookie, rule)
    local.set(rule, new LocalFiles(rule, shared))
  }
  const parts: Parts = { rules, log: options.log, touchIntervalMs: options.touchIntervalMs, warned: new Set(), missed: new Set(), filesOf: (rule) => local.get(rule) ?? missingRule(rule) }
  return {
    name: 'files',
    commitPoint: 'end',
    begin(session, request) {
      if (!request.cookies.some((cookie) => rules.has(cookie.name))) return new FilesExchange(parts, session, NO_FILES)
      return prepare(parts, session, request).then((used) => new FilesExchange(parts, session, used))
    },
  }
}

function missingRule(rule: Rule): never {
  throw new Error(`no files for the rule of cookie ${rule.cookie}`)
}

function tryLockOr(options: FilesCarrierOptions): TryLock {
  const flock = (options.loadFlock ?? loadFlock)()
  let warned = false
  const warn = (why: string) => {
    if (warned) return
    warned = true
    options.log.warn({}, `the app's locks on session files are not respected: ${why}. An app that writes its session after it has answered may lose that`)
  }
  if (flock === undefined) {
    warn('flock cannot be called on this platform')
    return () => 'unsupported'
  }
  return (fd, kind) => {
    const result = flock(fd, kind)
    if (result === 'unsupported') warn('their file system has no flock')
    return result
  }
}

const NO_FILES: ReadonlyMap<EntryName, UsedFile> = new Map()

/** The cookies of the rules' names come from the vault, or are adopted: the sidecar drops what a client sends itself. */
async function prepare(parts: Parts, session: SessionView, request: RequestHead): Promise<ReadonlyMap<EntryName, UsedFile>> {
  const used = new Map<EntryName, UsedFile>()
  try {
    for (const cookie of request.cookies) {
      const rule = parts.rules.get(cookie.name)
      const id = rule?.idOf(cookie.value)
      if (rule === undefined || id === undefined) continue
      const names = fileNames(rule.cookie, id)
      if (used.has(names.content)) continue
      // Content beside the mark of a file that is gone: left by a request that was on its way when the app destroyed the file, and did not see it.
      const entry = session.entries.has(names.gone) ? undefined : session.entries.get(names.content)
      const file = { rule, id, names, path: rule.pathOf(id), entry }
      const before = await bringUp(parts.filesOf(rule), file, session, request)
      parts.filesOf(rule).enter(file.path)
      used.set(names.content, { ...file, before })
    }
  } catch (error) {
    leaveAll(parts, used)
    throw error
  }
  return used
}

async function bringUp(local: LocalFiles, file: Omit<UsedFile, 'before'>, session: SessionView, request: RequestHead): Promise<KnownFile | undefined> {
  if (file.entry !== undefined) return await local.place(file.path, file.entry.value)
  if (session.entries.has(file.names.gone)) {
    // Logged out on another replica, say: what lies here is from before that, and must not log anybody in again.
    await local.remove(file.path)
    return undefined
  }
  // The client brought the cookie itself, and the cookies carrier adopts it: the file comes with it, as if the app had just written it.
  if (request.dropped.some(({ name, value }) => name === file.rule.cookie && file.rule.idOf(value) === file.id)) return undefined
  // A file of a former life, which the session knows nothing of. Left alone until the app changes it.
  return await local.observe(file.path)
}
