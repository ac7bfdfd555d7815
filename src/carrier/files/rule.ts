/** Which file belongs to a cookie. What is taken from a cookie is checked here, and nowhere else becomes part of a path. */
import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { UnstickError } from '../../errors.ts'
import type { EntryName } from '../../store/store.ts'

/** One line of `carriers.files`, with its path compiled. */
export interface FilesCarrierRule {
  /** The app's cookie that carries the id. */
  readonly cookie: string
  /** Takes the id out of the cookie's value: its first group, or the whole match. undefined: the value itself. */
  readonly id: RegExp | undefined
  /** The path of the session file of `id`. */
  render(id: string): string
}

export interface Rule {
  readonly cookie: string
  /** The folder of all the rule's files. */
  readonly folder: string
  /** The id that `value` carries; undefined: none that may become part of a path. Nothing is decoded that the pattern does not take. */
  idOf(value: string): string | undefined
  pathOf(id: string): string
  /** The start and the end of the names of session files, as far as the id stands in them as it is. */
  readonly prefix: string
  readonly suffix: string
}

/** What PHP, Tomcat, Django and uid-safe make ids of. No slash, no leading dot, no `..`: such a string names a file and nothing else. */
const SAFE_ID = /^(?!\.)(?!.*\.\.)[A-Za-z0-9,._-]{1,256}$/

const PROBE = 'unstickprobe0'

/** NAME_MAX of every file system that is in use. A longer name would be an error of each request that brings it. */
const LONGEST_NAME_BYTES = 255

/** Throws `config_invalid` where the folder would depend on the id. */
export function compileRule(rule: FilesCarrierRule): Rule {
  const path = rule.render(PROBE)
  const folder = dirname(path)
  if (folder !== dirname(rule.render('another1')))
    throw new UnstickError('config_invalid', `carriers.files: the path for cookie ${rule.cookie} has the id in a folder's name; it may stand in the file's name only`)
  const name = path.slice(folder === '.' && !path.startsWith('./') ? 0 : folder.length + 1)
  const at = name.indexOf(PROBE)
  const uses = name.split(PROBE).length - 1
  const fits = (id: string): boolean => Buffer.byteLength(name) + uses * (id.length - PROBE.length) <= LONGEST_NAME_BYTES
  // Without `g` and `y`: they would make a match depend on the one before.
  const pattern = rule.id === undefined ? undefined : new RegExp(rule.id.source, rule.id.flags.replaceAll(/[gy]/g, ''))
  return {
    cookie: rule.cookie,
    folder,
    prefix: at === -1 ? '' : name.slice(0, at),
    suffix: at === -1 ? '' : name.slice(at + PROBE.length),
    idOf(value) {
      const match = pattern?.exec(value)
      const id = pattern === undefined ? value : (match?.[1] ?? match?.[0])
      return id !== undefined && SAFE_ID.test(id) && fits(id) ? id : undefined
    },
    pathOf: (id) => rule.render(id),
  }
}

/** The names of the entries for one session file. The store must not see the app's session id, so they hold a hash of it. */
export interface FileNames {
  /** The file's content, byte for byte. */
  readonly content: EntryName
  /** Empty: the app has deleted the file, while its cookie lives on. Replicas that have an older copy must delete theirs. */
  readonly gone: EntryName
}

export function fileNames(cookie: string, id: string): FileNames {
  const content = `file:${cookie};${createHash('sha256').update(id).digest('hex').slice(0, 16)}`
  return { content, gone: `${content};gone` }
}

/** The cookie of the rule that an entry belongs to; undefined: it is none of a session file. */
export const cookieOf = (name: EntryName): string | undefined => /^file:(.*);[0-9a-f]{16}(?:;gone)?$/.exec(name)?.[1]
