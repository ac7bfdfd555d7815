/** What an app that knows of unstick says in its response: `X-Session-Set` and the like. */
import { foldHeaderName } from '../../http/header-names.ts'
import { fieldText } from '../../http/header-template.ts'
import type { RawHeaders } from '../../http/message.ts'
import { type AttributeChanges, isAttributeName } from './attributes.ts'
import { decodeAttributes, type Format } from './formats.ts'

/** The header names that are heeded, by what they ask for. */
export interface ReceiveNames {
  /** Sets attributes; an empty value takes one away. */
  readonly set?: string | undefined
  /** All attributes: those that it does not name go. */
  readonly replace?: string | undefined
  /** The same, for apps that say it as to mod_session. */
  readonly modSession?: string | undefined
  /** Whose session it is; empty: nobody's any more. */
  readonly subject?: string | undefined
  /** `1`: a new token for the same session, as after a login. */
  readonly renew?: string | undefined
  /** `1`: the session ends. */
  readonly destroy?: string | undefined
}

const ORDER = ['replace', 'set', 'subject', 'renew', 'destroy'] as const

type Verb = (typeof ORDER)[number]

export class Reception {
  readonly #verbs = new Map<string, Verb>()
  readonly #format: Format
  readonly #hasRenew: boolean
  readonly #onFlaw: (header: string, why: string) => void

  /** `onFlaw`: what an app says and cannot be understood is left out, and told. */
  constructor(names: ReceiveNames, format: Format, onFlaw: (header: string, why: string) => void) {
    this.#format = format
    this.#onFlaw = onFlaw
    this.#hasRenew = names.renew !== undefined
    for (const verb of ORDER) if (names[verb] !== undefined) this.#verbs.set(foldHeaderName(names[verb]), verb)
    if (names.modSession !== undefined) this.#verbs.set(foldHeaderName(names.modSession), 'replace')
  }

  /** `withheld`: the reserved headers of a response. In whatever order they stand, `replace` comes before `set`. */
  apply(withheld: RawHeaders, changes: AttributeChanges): void {
    const said = new Map<Verb, string[]>()
    for (let i = 0; i < withheld.length; i += 2) {
      const verb = this.#verbs.get(foldHeaderName(withheld[i] ?? ''))
      if (verb !== undefined) said.set(verb, [...(said.get(verb) ?? []), withheld[i + 1] ?? ''])
    }
    for (const verb of ORDER) for (const value of said.get(verb) ?? []) this.#heed(verb, value, changes)
  }

  #heed(verb: Verb, value: string, changes: AttributeChanges): void {
    switch (verb) {
      case 'replace': return this.#set(verb, value, changes)
      case 'set': return this.#set(verb, value, changes)
      case 'subject': return changes.subject(value === '' ? null : fieldText(value))
      case 'renew': return isYes(value) ? changes.rotate() : undefined
      case 'destroy': return isYes(value) ? changes.destroy() : undefined
    }
  }

  #set(verb: 'replace' | 'set', value: string, changes: AttributeChanges): void {
    const attributes = decodeAttributes(this.#format, value)
    if (attributes === undefined) return this.#onFlaw(verb, `it is not in the format ${this.#format}`)
    if (verb === 'replace') changes.clear()
    for (const [name, text] of attributes) {
      if (isAttributeName(name)) changes.set(name, text.toWellFormed())
      else this.#onFlaw(verb, 'it names an attribute with nothing, control characters or more than 256 characters')
    }
    // Apps that answer with the whole session, or for mod_session, have no word for a login.
    if (verb === 'replace' || !this.#hasRenew) changes.rotateIfNew()
    return undefined
  }
}

const isYes = (value: string): boolean => value.trim() === '1' || value.trim().toLowerCase() === 'true'
