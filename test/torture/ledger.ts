/**
 * What one client knows of one session of its own, from its first login to its logout, and what therefore may and may not be answered.
 * Entries are lists that are only ever appended to, so an answer tells all that came before it: lost, undone, foreign or forked, each shows
 * in the first answer that has it.
 */
import type { EntryKey, Saw } from './words.ts'

/** What is checked; the letters are those of a run's report. */
export const CHECKS = {
  lost: 'a write that was answered is gone',
  back: 'a read went back behind an earlier one',
  vanished: 'a session that nobody ended is gone',
  foreign: 'state of another session was seen',
  undead: 'a session was seen after its logout was answered',
  error: 'an error that no fault explains',
  cut: 'a cut answer passed for a whole one',
  stuck: 'things did not work again after the last fault',
} as const
export type Check = keyof typeof CHECKS

/** How long an old token leads on after a rotation, by the contract. */
const GRACE_MS = 10_000
/** By how much the clocks of the store and of this process may see a moment differently. */
const SLACK_MS = 250

/** A request as the ledger saw it begin. */
export interface Begun {
  readonly at: number
  readonly token: string | undefined
  /** What each entry had at least, by the answers until then. */
  readonly floor: ReadonlyMap<EntryKey, readonly number[]>
}

/** A request that may have put a new token in the place of the one that it came with. */
interface Rotation {
  readonly at: number
  /** The name of the token that it came with. */
  readonly from: string | undefined
  /** It was answered, and had not. */
  stayed: boolean
}

export class Ledger {
  readonly owner: string
  /** Every token that the session had, by the part that names it, as it came last. */
  readonly tokens = new Map<string, string>()
  /** What happened, for the report of a violation. */
  readonly story: string[] = []
  #token: string | undefined
  readonly #floor = new Map<EntryKey, readonly number[]>()
  readonly #issued = new Set<number>()
  readonly #answered = new Set<number>()
  readonly #rotations: Rotation[] = []
  #logoutAt = Infinity
  readonly #report: (check: Check, what: string, ledger: Ledger) => void
  #broken = false

  constructor(owner: string, report: (check: Check, what: string, ledger: Ledger) => void) {
    this.owner = owner
    this.#report = report
  }

  /** The token that a browser would send now. */
  get token(): string | undefined {
    return this.#token
  }

  /** A violation was found: what follows from it would only be found again. */
  get broken(): boolean {
    return this.#broken
  }

  begin(at: number): Begun {
    return { at, token: this.#token, floor: new Map(this.#floor) }
  }

  /** A number that no write had before. */
  issue(): number {
    const op = this.#issued.size + 1
    this.#issued.add(op)
    return op
  }

  /** How many writes were begun. */
  get writes(): number {
    return this.#issued.size
  }

  /** For a request that may make a new token; returns what to call when it is answered, with the token that it gave. */
  mayRotate({ at, token }: Begun): (given: string | undefined) => void {
    const from = token === undefined ? undefined : nameOfToken(token)
    const rotation: Rotation = { at, from, stayed: false }
    this.#rotations.push(rotation)
    return (given) => { rotation.stayed = given === undefined || nameOfToken(given) === from }
  }

  logoutBegins(at: number): void {
    this.#logoutAt = Math.min(this.#logoutAt, at)
  }

  /** The token cookie of an answer, in the order of arrival. `value` undefined: taken away. */
  takeToken(value: string | undefined): void {
    this.#token = value
    if (value !== undefined) this.tokens.set(nameOfToken(value), value)
  }

  /** An answer that counts: what it saw is held against what was known when its request began. `op`: the write that it answers. */
  answered(begun: Begun, now: number, saw: Saw, op?: { readonly entry: EntryKey; readonly number: number }): void {
    if (this.#broken) return
    if (saw.owner === null) {
      if (!this.#mayBeGone(begun, now)) this.#fail('vanished', `no session, although it was neither logged out nor its token rotated more than ${GRACE_MS} ms ago`)
      return
    }
    if (saw.owner !== this.owner) return this.#fail('foreign', `the session of ${saw.owner}`)
    if (op !== undefined) this.#answered.add(op.number)
    const names = new Set([...begun.floor.keys(), ...(Object.keys(saw.entries) as EntryKey[]), ...(op === undefined ? [] : [op.entry])])
    for (const entry of names) {
      const seen = saw.entries[entry]
      if (seen !== undefined && seen.owner !== this.owner) return this.#fail('foreign', `${entry} of ${seen.owner}`)
      this.#compare(entry, begun.floor.get(entry) ?? [], seen?.list ?? [])
      if (op?.entry === entry && seen?.list.includes(op.number) !== true) this.#fail('lost', `${entry} without the write ${op.number} that it answers`)
    }
    return undefined
  }

  /** A look with a token of a session whose logout was answered. */
  seenAfterLogout(saw: Saw): void {
    if (saw.owner === null || this.#broken) return
    this.story.push(`a look at it after its logout: ${JSON.stringify(saw)}`)
    this.#fail('undead', `logged out, and seen again with ${Object.keys(saw.entries).join() || 'no entries'}`)
  }

  #compare(entry: EntryKey, floor: readonly number[], list: readonly number[]): void {
    if (list.some((op) => !this.#issued.has(op)) || new Set(list).size < list.length) return this.#fail('foreign', `${entry} with what nobody wrote: ${list.join()}`)
    if (!startsWith(list, floor)) return this.#fail(this.#kindOf(floor, list), `${entry} was ${floor.join() || 'empty'} before it was asked, and is ${list.join() || 'empty'}`)
    const known = this.#floor.get(entry) ?? []
    if (startsWith(list, known)) this.#floor.set(entry, list)
    else if (!startsWith(known, list)) this.#fail(this.#kindOf(known, list), `${entry} forked: ${known.join()} and ${list.join()}`)
    return undefined
  }

  #kindOf(known: readonly number[], list: readonly number[]): Check {
    return known.some((op) => this.#answered.has(op) && !list.includes(op)) ? 'lost' : 'back'
  }

  /** Whether "no session" is an answer that the contract allows. */
  #mayBeGone(begun: Begun, now: number): boolean {
    if (this.#logoutAt <= now) return true
    const name = begun.token === undefined ? undefined : nameOfToken(begun.token)
    // The token may have been rotated away from, by a request that nobody heard the answer of, or whose answer an older one overtook.
    return name !== undefined && this.#rotations.some(({ at, from, stayed }) => from === name && !stayed && at + GRACE_MS <= now + SLACK_MS)
  }

  #fail(check: Check, what: string): void {
    this.#broken = true
    this.story.push(`${Math.round(performance.now())} VIOLATION ${check}: ${what}`)
    this.#report(check, what, this)
  }
}

/** A token without the key id, the version and the MAC, which change while it stays the same: two of the same name are the same session. */
export function nameOfToken(value: string): string {
  return value.slice(KEY_ID_LENGTH, value.indexOf('.'))
}

const KEY_ID_LENGTH = 6

function startsWith(list: readonly number[], start: readonly number[]): boolean {
  return start.length <= list.length && start.every((op, index) => list[index] === op)
}
