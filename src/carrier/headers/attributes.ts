/** Attributes: named texts of the session, each an entry of its own, so that parallel requests that set different ones lose nothing. */
import type { EntryName } from '../../store/store.ts'
import type { Changes, Entry, SessionView } from '../carrier.ts'
import { NO_CHANGES } from '../carrier.ts'

const PREFIX = 'attribute:'
/** So that the entry's name stays within what stores take. */
export const LONGEST_NAME = 256

const entryName = (attribute: string): EntryName => PREFIX + attribute

/** Whether an app may call an attribute so. Half of a surrogate pair could not be told from another. */
export const isAttributeName = (name: string): boolean =>
  // eslint-disable-next-line no-control-regex
  name !== '' && name.length <= LONGEST_NAME && !/[\u0000-\u001f\u007f]/.test(name) && name.isWellFormed()

/** undefined: the session has none of this name. */
export function attributeOf(session: SessionView, name: string): string | undefined {
  const entry = session.entries.get(entryName(name))
  return entry === undefined ? undefined : textOf(entry)
}

/** All of them, by name. */
export function attributesOf(session: SessionView): [string, string][] {
  const found: [string, string][] = []
  for (const [name, entry] of session.entries) if (name.startsWith(PREFIX)) found.push([name.slice(PREFIX.length), textOf(entry)])
  return found.sort(([a], [b]) => (a < b ? -1 : 1))
}

const textOf = ({ value }: Entry): string => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString()

/** What one response does to the attributes of its session. */
export class AttributeChanges {
  readonly #session: SessionView
  readonly #wanted = new Map<string, string>()
  #rotate = false
  #destroy = false
  #subject: string | null | undefined

  constructor(session: SessionView) {
    this.#session = session
  }

  /** The empty text takes the attribute away. */
  set(name: string, value: string): void {
    this.#wanted.set(name, value)
  }

  /** Takes away all that the session has, but for what is set afterwards. */
  clear(): void {
    for (const [name] of attributesOf(this.#session)) this.#wanted.set(name, '')
  }

  /** null: nobody any more. */
  subject(name: string | null): void {
    this.#subject = name
  }

  rotate(): void {
    this.#rotate = true
  }

  /** Ends the session whole, whatever else the response sets. */
  destroy(): void {
    this.#destroy = true
  }

  /**
   * Rotates where a session that was there before has gained an attribute of a new name, as at a login that its beginner may have
   * waited for (guarantee 10). For apps that cannot say so themselves.
   */
  rotateIfNew(): void {
    const { entries } = this.#session
    if (entries.size === 0) return
    for (const [name, value] of this.#wanted) if (value !== '' && !entries.has(entryName(name))) this.#rotate = true
  }

  changes(): Changes {
    const { entries } = this.#session
    if (this.#destroy) return entries.size === 0 ? NO_CHANGES : { ...NO_CHANGES, destroy: true }
    const set = new Map<EntryName, Entry>()
    const remove = new Set<EntryName>()
    const unseen: EntryName[] = []
    for (const [name, value] of this.#wanted) {
      const entry = entryName(name)
      const had = attributeOf(this.#session, name)
      if (value !== '' && value !== had) set.set(entry, { value: Buffer.from(value), expiresAt: undefined })
      else if (value === '' && had !== undefined) remove.add(entry)
      else if (value === '') unseen.push(entry)
    }
    const rotate = this.#rotate && entries.size > 0
    if (set.size + remove.size === 0 && !rotate && this.#subject === undefined) return NO_CHANGES
    // A request beside this one may have added what is taken away here. By itself, what was not there is not worth a write.
    if (set.size + remove.size > 0) for (const entry of unseen) remove.add(entry)
    return { set, remove, ...(rotate ? { rotate } : {}), ...(this.#subject === undefined ? {} : { subject: this.#subject }) }
  }
}
