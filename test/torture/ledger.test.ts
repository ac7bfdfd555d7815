/** Each check of a client's history fires on the history that it is there for, and on none that the contract allows. */
import { describe, expect, it } from 'vitest'
import { type Check, Ledger } from './ledger.ts'
import type { Saw } from './words.ts'

const SECOND = 1_000
const token = (name: string): string => `KEYID1${name}.1.mac`

class History {
  readonly found: Check[] = []
  readonly ledger = new Ledger('me', (check) => this.found.push(check))
  now = 0

  constructor() {
    this.ledger.takeToken(token('first'))
  }

  /** An append to e0 that is answered after it saw `list`; undefined: without its own. */
  append(list?: (own: number) => readonly number[]): number {
    const begun = this.ledger.begin(this.now)
    const number = this.ledger.issue()
    this.ledger.answered(begun, this.now, this.saw(list?.(number) ?? [number]), { entry: 'e0', number })
    return number
  }

  read(list: readonly number[]): void {
    this.ledger.answered(this.ledger.begin(this.now), this.now, this.saw(list))
  }

  nobody(): void {
    this.ledger.answered(this.ledger.begin(this.now), this.now, { owner: null, entries: {}, ended: false })
  }

  saw(list: readonly number[], owner = 'me'): Saw {
    return { owner, ended: false, entries: list.length === 0 ? {} : { e0: { owner, list } } }
  }
}

describe('a write that was answered', () => {
  it('may be followed by others', () => {
    const history = new History()
    const first = history.append()
    const second = history.append((own) => [first, own])
    history.read([first, second])
    expect(history.found).toEqual([])
  })

  it('must be in its own answer', () => {
    const history = new History()
    history.append(() => [])
    expect(history.found).toEqual(['lost'])
  })

  it('must be in every later one', () => {
    const history = new History()
    history.append()
    history.append((own) => [own])
    expect(history.found).toEqual(['lost'])
  })

  it('may be missing in an answer to what was asked before it', () => {
    const history = new History()
    const early = history.ledger.begin(0)
    history.append()
    history.ledger.answered(early, 0, history.saw([]))
    expect(history.found).toEqual([])
  })

  it('must stand in one order for all', () => {
    const history = new History()
    const early = [history.ledger.begin(0), history.ledger.begin(0)]
    const [a, b] = [history.ledger.issue(), history.ledger.issue()]
    for (const [index, list] of [[a, b], [b, a]].entries()) history.ledger.answered(early[index] ?? history.ledger.begin(0), 0, history.saw(list))
    expect(history.found).toEqual(['back'])
  })
})

describe('a read', () => {
  it('must not go back behind an earlier one, also where the write was never answered', () => {
    const history = new History()
    history.read([history.ledger.issue()])
    history.read([])
    expect(history.found).toEqual(['back'])
  })

  it('must see nobody else, and nothing that nobody wrote', () => {
    for (const saw of [new History().saw([], 'you'), { ...new History().saw([]), entries: { e0: { owner: 'you', list: [1] } } }, new History().saw([7])]) {
      const history = new History()
      history.ledger.answered(history.ledger.begin(0), 0, saw)
      expect(history.found).toEqual(['foreign'])
    }
  })
})

describe('a session', () => {
  it('must not vanish', () => {
    const history = new History()
    history.now = 60 * SECOND
    history.nobody()
    expect(history.found).toEqual(['vanished'])
  })

  it('may be gone once its logout has begun, and must be once that was answered', () => {
    const history = new History()
    history.ledger.logoutBegins(0)
    history.nobody()
    history.ledger.seenAfterLogout({ owner: null, entries: {}, ended: false })
    expect(history.found).toEqual([])
    history.ledger.seenAfterLogout(history.saw([]))
    expect(history.found).toEqual(['undead'])
  })
})

describe('a token', () => {
  /** A request that may rotate, and what it was answered with; `given` null: it was not answered. */
  function rotated(given: string | undefined | null): History {
    const history = new History()
    const answered = history.ledger.mayRotate(history.ledger.begin(0))
    if (given !== null) answered(given)
    return history
  }

  it.each([['by a request that was never answered', null], ['by one whose answer was overtaken', token('second')]])('may lead nowhere 10 s after it was rotated away %s', (_, given) => {
    const history = rotated(given)
    history.now = 11 * SECOND
    history.nobody()
    expect(history.found).toEqual([])
  })

  it.each([['was not rotated', undefined], ['was signed anew', 'KEYID2first.4.other']])('must lead on when it %s', (_, given) => {
    const history = rotated(given)
    history.now = 60 * SECOND
    history.nobody()
    expect(history.found).toEqual(['vanished'])
  })

  it('must lead on within the grace', () => {
    const history = rotated(null)
    history.now = 9 * SECOND
    history.nobody()
    expect(history.found).toEqual(['vanished'])
  })

  it('must lead on when it is the one that a rotation gave', () => {
    const history = rotated(token('second'))
    history.ledger.takeToken(token('second'))
    history.now = 60 * SECOND
    history.nobody()
    expect(history.found).toEqual(['vanished'])
  })
})
