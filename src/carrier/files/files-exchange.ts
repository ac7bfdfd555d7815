/** One request of an app that keeps session files: what its answer's head says of ids, and what it left in the files. */
import { dirname } from 'node:path'
import type { Millis } from '../../clock.ts'
import type { ResponseHead } from '../../http/message.ts'
import type { EntryName } from '../../store/store.ts'
import { type CarrierExchange, type Changes, type Entries, type Entry, NO_CHANGES, type Outcome, type SessionView } from '../carrier.ts'
import { isCookieEntry, readCookie } from '../stored-cookie.ts'
import type { FilesLog } from './failure.ts'
import type { KnownFile } from './known-files.ts'
import type { LocalFiles } from './local-files.ts'
import { type CookieNews, cookieNews } from './response-cookies.ts'
import { cookieOf, type FileNames, fileNames, type Rule } from './rule.ts'

/** What all requests share. */
export interface Parts {
  /** By cookie name. */
  readonly rules: ReadonlyMap<string, Rule>
  readonly log: FilesLog
  readonly touchIntervalMs: Millis
  readonly warned: Set<Rule>
  /** Rules of which a file was missed, and said so. */
  readonly missed: Set<Rule>
  filesOf(rule: Rule): LocalFiles
}

/** A file whose id came with the request. */
export interface UsedFile {
  readonly rule: Rule
  readonly id: string
  readonly path: string
  readonly names: FileNames
  /** What the store has. */
  readonly entry: Entry | undefined
  /** What lay at the path when the app got the request; undefined: nothing. */
  readonly before: KnownFile | undefined
}

const ROTATION: Changes = { ...NO_CHANGES, rotate: true }

export class FilesExchange implements CarrierExchange {
  readonly #parts: Parts
  readonly #session: SessionView
  readonly #used: ReadonlyMap<EntryName, UsedFile>
  #news: ReadonlyMap<Rule, CookieNews> = new Map()

  constructor(parts: Parts, session: SessionView, used: ReadonlyMap<EntryName, UsedFile>) {
    this.#parts = parts
    this.#session = session
    this.#used = used
  }

  /** The files that the app had before it ended the session, with their marks. */
  get cameWith(): ReadonlySet<EntryName> {
    return new Set([...this.#used.values()].flatMap(({ names }) => [names.content, names.gone]))
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
    if (remove.size === 0) return NO_CHANGES
    this.#sweep(remove)
    return { set: new Map(), remove }
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
      return outcome === 'unsent' ? NO_CHANGES : await this.#takeIn(outcome)
    } finally {
      leaveAll(this.#parts, this.#used)
    }
  }

  async #takeIn(outcome: Outcome): Promise<Changes> {
    const set = new Map<EntryName, Entry>()
    const remove = new Set<EntryName>()
    for (const file of this.#used.values()) await this.#settleUsed(file, set, remove)
    for (const [rule, news] of this.#news) {
      for (const [id, expiresAt] of news.ids) await this.#settleNew(rule, id, expiresAt, set, remove)
    }
    if (set.size === 0 && remove.size === 0) return NO_CHANGES
    this.#sweep(remove)
    // An app that broke off may be starting anew, without the files that it had.
    const endIfLeft = outcome === 'complete' ? this.#idsLeft(set) : undefined
    return endIfLeft === undefined ? { set, remove } : { set, remove, endIfLeft }
  }

  /**
   * What stays behind when the app has deleted its file, as PHP's session_destroy and Tomcat's invalidate do at a logout: the marks, and the cookies that
   * named files. When that is all, the session is over, and nothing in flight may bring it back. undefined: no file is gone, or the app goes on under a new id.
   */
  #idsLeft(set: ReadonlyMap<EntryName, Entry>): Entries | undefined {
    const left = new Map<EntryName, Entry>()
    for (const { names: { gone } } of this.#used.values()) {
      const mark = set.get(gone)
      if (mark !== undefined) left.set(gone, mark)
    }
    if (left.size === 0 || [...this.#news.values()].some(({ ids }) => ids.size > 0)) return undefined
    for (const [name, entry] of this.#session.entries) {
      if (isCookieEntry(name) && this.#parts.rules.has(readCookie(entry.value).name)) left.set(name, entry)
    }
    return left
  }

  /**
   * Takes along what is left of files that no cookie of the session names any more: a request that was on its way when the app gave the session a new id
   * leaves the mark of the old file, or the file. Not for a cookie that the session does not keep itself, as under `carriers.cookies.release`.
   */
  #sweep(remove: Set<EntryName>): void {
    const { entries } = this.#session
    const names = [...entries.keys()].filter((name) => cookieOf(name) !== undefined)
    if (names.length === 0) return
    const named = new Set(this.cameWith)
    const keepsCookie = new Set<string>()
    const add = (rule: Rule, id: string): void => {
      const { content, gone } = fileNames(rule.cookie, id)
      named.add(content).add(gone)
    }
    for (const [rule, { ids }] of this.#news) for (const id of ids.keys()) add(rule, id)
    for (const [name, { value }] of entries) {
      const cookie = isCookieEntry(name) ? readCookie(value) : undefined
      const rule = cookie && this.#parts.rules.get(cookie.name)
      const id = cookie && rule?.idOf(cookie.value)
      if (rule === undefined || id === undefined) continue
      keepsCookie.add(rule.cookie)
      add(rule, id)
    }
    for (const name of names) if (!named.has(name) && keepsCookie.has(cookieOf(name) ?? '')) remove.add(name)
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
    } else if (this.#session.entries.has(file.names.gone)) this.#discard(file.names.content, remove)
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
    const left = await this.#parts.filesOf(rule).leftAnew(rule.pathOf(id))
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

export function leaveAll(parts: Parts, used: ReadonlyMap<EntryName, UsedFile>): void {
  for (const { rule, path } of used.values()) parts.filesOf(rule).leave(path)
}
