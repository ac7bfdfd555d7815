/**
 * The `files` carrier: for apps that keep sessions in files. Before a request it brings the session's file on this machine up
 * to the store's, unless it is so already; after the response it takes in what the app left. An unchanged session costs one
 * stat before, and opening, locking and closing the file after (6 µs), or reading it where a stat cannot tell.
 */
import { dirname } from 'node:path'
import { Bounded } from '../bounded.ts'
import type { Clock, Millis } from '../clock.ts'
import { UnstickError } from '../errors.ts'
import type { RequestHead, ResponseHead } from '../http/message.ts'
import type { EntryName } from '../store/store.ts'
import { NO_CHANGES } from './carrier.ts'
import type { Carrier, CarrierExchange, Changes, Entry, Outcome, SessionView } from './carrier.ts'
import type { FilesLog } from './files/failure.ts'
import { loadFlock } from './files/flock.ts'
import type { TryLock } from './files/flock.ts'
import type { KnownFile } from './files/known-files.ts'
import { isCookieEntry, readCookie } from './stored-cookie.ts'
import { LocalFiles } from './files/local-files.ts'
import { cookieNews } from './files/response-cookies.ts'
import type { CookieNews } from './files/response-cookies.ts'
import { compileRule, fileNames } from './files/rule.ts'
import type { FileNames, FilesCarrierRule, Rule } from './files/rule.ts'

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

interface Parts {
  /** By cookie name. */
  readonly rules: ReadonlyMap<string, Rule>
  readonly log: FilesLog
  readonly touchIntervalMs: Millis
  readonly warned: Set<Rule>
  /** Rules of which a file was missed, and said so. */
  readonly missed: Set<Rule>
  filesOf(rule: Rule): LocalFiles
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
const ROTATION: Changes = { ...NO_CHANGES, rotate: true }
const DESTRUCTION: Changes = { ...NO_CHANGES, destroy: true }

/** A file whose id came with the request. */
interface UsedFile {
  readonly rule: Rule
  readonly id: string
  readonly path: string
  readonly names: FileNames
  /** What the store has. */
  readonly entry: Entry | undefined
  /** What lay at the path when the app got the request; undefined: nothing. */
  readonly before: KnownFile | undefined
}

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
      const file = { rule, id, names, path: rule.pathOf(id), entry: session.entries.get(names.content) }
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

function leaveAll(parts: Parts, used: ReadonlyMap<EntryName, UsedFile>): void {
  for (const { rule, path } of used.values()) parts.filesOf(rule).leave(path)
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

class FilesExchange implements CarrierExchange {
  readonly #parts: Parts
  readonly #session: SessionView
  readonly #used: ReadonlyMap<EntryName, UsedFile>
  #news: ReadonlyMap<Rule, CookieNews> = new Map()

  constructor(parts: Parts, session: SessionView, used: ReadonlyMap<EntryName, UsedFile>) {
    this.#parts = parts
    this.#session = session
    this.#used = used
  }

  /**
   * Notes what the head says of ids; the cookies carrier, after this, takes the Set-Cookie out. A cookie that the app takes away, as at a
   * logout, takes its file's entry along at once: the session must be over before the client hears of it.
   */
  capture(response: ResponseHead): Changes {
    this.#news = cookieNews(response, this.#parts.rules, this.#session.now())
    for (const [rule, news] of this.#news) if (news.unreadable) this.#warnUnreadable(rule)
    if (this.#newIds()) return ROTATION
    const remove = new Set<EntryName>()
    for (const file of this.#used.values()) {
      const news = this.#news.get(file.rule)
      if (news !== undefined && this.#losesItsCookie(file, news)) this.#discardAll(file, remove)
    }
    return remove.size === 0 ? NO_CHANGES : { set: new Map(), remove }
  }

  /** Whether the app has made an id that this session, which was there before, did not have: the mark of a login. */
  #newIds(): boolean {
    if (this.#session.entries.size === 0) return false
    for (const [rule, news] of this.#news) {
      for (const id of news.ids.keys()) {
        const names = fileNames(rule.cookie, id)
        if (!this.#used.has(names.content) && !this.#session.entries.has(names.content) && !this.#session.entries.has(names.gone)) return true
      }
    }
    return false
  }

  async settle(outcome: Outcome): Promise<Changes> {
    try {
      return outcome === 'unsent' ? NO_CHANGES : await this.#takeIn()
    } finally {
      leaveAll(this.#parts, this.#used)
    }
  }

  async #takeIn(): Promise<Changes> {
    const set = new Map<EntryName, Entry>()
    const remove = new Set<EntryName>()
    for (const file of this.#used.values()) await this.#settleUsed(file, set, remove)
    for (const [rule, news] of this.#news) {
      for (const [id, expiresAt] of news.ids) await this.#settleNew(rule, id, expiresAt, set, remove)
    }
    if (set.size === 0 && remove.size === 0) return NO_CHANGES
    return this.#leavesOnlyIds(set, remove) ? DESTRUCTION : { set, remove }
  }

  /**
   * Whether the app has deleted its file, as PHP's session_destroy and Tomcat's invalidate do at a logout, and nothing is left but the cookie that
   * named it: then the session is over, and nothing in flight may bring it back.
   */
  #leavesOnlyIds(set: ReadonlyMap<EntryName, Entry>, remove: ReadonlySet<EntryName>): boolean {
    const gone = new Set([...this.#used.values()].map(({ names }) => names.gone))
    if (![...set.keys()].every((name) => gone.has(name)) || ![...this.#news.values()].every(({ ids }) => ids.size === 0)) return false
    for (const [name, { value }] of this.#session.entries) {
      if (remove.has(name) || gone.has(name)) continue
      if (!isCookieEntry(name) || !this.#parts.rules.has(readCookie(value).name)) return false
    }
    return set.size > 0
  }

  async #settleUsed(file: UsedFile, set: Map<EntryName, Entry>, remove: Set<EntryName>): Promise<void> {
    const news = this.#news.get(file.rule)
    const entry = file.entry
    if (news !== undefined && this.#losesItsCookie(file, news)) {
      this.#discardAll(file, remove)
      return
    }
    const renewed = news?.ids.has(file.id) === true
    const expiresAt = renewed ? this.#endOf(entry, news.ids.get(file.id)) : entry?.expiresAt
    const left = await this.#parts.filesOf(file.rule).leftBehind(file.path, file.before)
    if (left.state === 'changed') {
      set.set(file.names.content, { value: left.content, expiresAt })
      this.#discard(file.names.gone, remove)
    } else if (left.state === 'same') {
      if (entry !== undefined && entry.expiresAt !== expiresAt) set.set(file.names.content, { value: entry.value, expiresAt })
    } else if (entry !== undefined) {
      remove.add(file.names.content)
      set.set(file.names.gone, { value: new Uint8Array(), expiresAt })
    }
  }

  /** The end that the app gave the cookie now; or the one it had, when it moved too little to be worth a write on each response. */
  #endOf(entry: Entry | undefined, expiresAt: Millis | undefined): Millis | undefined {
    if (entry?.expiresAt === undefined || expiresAt === undefined) return expiresAt
    const late = expiresAt - entry.expiresAt
    const left = entry.expiresAt - this.#session.now()
    return late >= 0 && late < Math.min(this.#parts.touchIntervalMs, left / 20) ? entry.expiresAt : expiresAt
  }

  /** Whether nobody can name the file any more: the app has expired its cookie, or put another id in its place. */
  #losesItsCookie(file: UsedFile, news: CookieNews): boolean {
    if (news.ids.has(file.id) || (!news.expired && news.ids.size === 0)) return false
    // Several cookies of the name, on different paths: which of them it was cannot be told here. The file tells in the end.
    for (const other of this.#used.values()) if (other.rule === file.rule && other.id !== file.id) return false
    return true
  }

  async #settleNew(rule: Rule, id: string, expiresAt: Millis | undefined, set: Map<EntryName, Entry>, remove: Set<EntryName>): Promise<void> {
    const names = fileNames(rule.cookie, id)
    if (this.#used.has(names.content)) return
    const left = await this.#parts.filesOf(rule).leftBehind(rule.pathOf(id), undefined)
    // No file: the app has set the cookie and written nothing, as for a session without content. Or it writes elsewhere.
    if (left.state !== 'changed') {
      this.#warnMissing(rule)
      return
    }
    set.set(names.content, { value: left.content, expiresAt })
    this.#discard(names.gone, remove)
  }

  #discardAll({ names }: UsedFile, remove: Set<EntryName>): void {
    this.#discard(names.content, remove)
    this.#discard(names.gone, remove)
  }

  #discard(name: EntryName, remove: Set<EntryName>): void {
    if (this.#session.entries.has(name)) remove.add(name)
  }

  #warnMissing(rule: Rule): void {
    if (this.#parts.missed.has(rule)) return
    this.#parts.missed.add(rule)
    const folder = dirname(rule.pathOf('x'.repeat(32)))
    this.#parts.log.warn({ cookie: rule.cookie, folder }, `the app has set cookie ${rule.cookie} for a new session, but left no file for it in ${folder}: if it keeps its session files elsewhere, say so in carriers.files (PHP: session.save_path); until then its sessions stay on this replica`)
  }

  #warnUnreadable(rule: Rule): void {
    if (this.#parts.warned.has(rule)) return
    this.#parts.warned.add(rule)
    this.#parts.log.warn({ cookie: rule.cookie }, `the app has set cookie ${rule.cookie} to what carriers.files finds no id in: its session file stays on this replica; give the rule an id pattern that fits`)
  }
}
