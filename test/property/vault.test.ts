/** Sessions over a store, with sidecars that share it, secrets that rotate and requests that overlap, against a Map. */
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { changes, entries, IDLE, LIFETIME, PLAIN, SECRET, subject, texts, TOUCH_INTERVAL, USE } from '../unit/session/session-subject.ts'
import type { Session } from '../../src/session/session.ts'
import type { Sessions } from '../../src/session/sessions.ts'
import { sessionCases } from '../support/cases.ts'

const NEWER = 'the newer secret, of more than thirty-two characters'

type Step =
  | { readonly does: 'begin'; readonly request: number; readonly sidecar: number }
  | { readonly does: 'commit'; readonly request: number; readonly set: Readonly<Record<string, string>>; readonly remove: readonly string[]; readonly rotate: boolean }
  | { readonly does: 'wait'; readonly ms: number }

const name = fc.constantFrom('a', 'b', 'c', 'd')
const request = fc.nat({ max: 3 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant('begin' as const), request, sidecar: fc.nat({ max: 2 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      does: fc.constant('commit' as const), request, set: fc.dictionary(name, fc.constantFrom('1', '2', '3'), { maxKeys: 2 }),
      remove: fc.array(name, { maxLength: 2 }), rotate: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('wait' as const), ms: fc.constantFrom(1, 9_999, 60_000, IDLE - 1, IDLE) }) },
)

/** What one session should be, told by nothing but the order in which commits were acknowledged. */
class Model {
  readonly entries = new Map<string, string>()
  #idleUntil: number
  #usedAt: number
  readonly #endsAt: number
  ended = false

  constructor(now: number) {
    this.#idleUntil = now + IDLE
    this.#usedAt = now
    this.#endsAt = now + LIFETIME
  }

  alive(now: number): boolean {
    if (now >= this.#idleUntil || now >= this.#endsAt) this.ended = true
    return !this.ended
  }

  /** A commit keeps it alive at once, a look only when the last time is long enough ago. */
  use(now: number, every = 0): void {
    if (now - this.#usedAt < every) return
    this.#usedAt = now
    this.#idleUntil = now + IDLE
  }
}

it('every request sees what was committed before it began, and no commit is lost or comes back', async () => {
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
    const at = subject()
    const sidecars: Sessions[] = [at.sessions, at.beside({}, [NEWER, SECRET]), at.beside({}, [SECRET, NEWER])]
    const first = await at.made(entries({ a: '0' }))
    const model = new Model(at.clock.now())
    model.entries.set('a', '0')
    let token = first.token
    const open = new Map<number, { session: Session; sidecar: Sessions }>()
    // The first sidecar does not know the newer secret yet: it has no part in sessions that the others have sealed.
    let newer = false
    for (const each of steps) {
      const now = at.clock.now()
      if (each.does === 'wait') {
        at.clock.advance(each.ms)
        // Requests in flight do not outlast the time for which an old token leads on.
        if (each.ms >= 9_999) open.clear()
        continue
      }
      if (each.does === 'begin') {
        const sidecar = sidecars[newer ? 1 + (each.sidecar % 2) : each.sidecar] ?? at.sessions
        const session = await sidecar.open(token, USE)
        expect(texts(session)).toEqual(model.alive(now) ? Object.fromEntries(model.entries) : undefined)
        if (session === undefined) continue
        model.use(now, TOUCH_INTERVAL)
        open.set(each.request, { session, sidecar })
        if (sidecar !== at.sessions) newer = true
        continue
      }
      const running = open.get(each.request)
      if (running === undefined) continue
      if (running.sidecar === at.sessions && newer) continue
      const { rotate } = each
      const remove = each.remove.filter((one) => !(one in each.set))
      const outcome = await running.sidecar.commit(running.session, { ...changes(each.set, remove), rotate }, PLAIN)
      if (!model.alive(now)) {
        expect(outcome.state).not.toBe('committed')
        continue
      }
      if (outcome.state === 'unchanged') {
        expect([remove, each.set, rotate]).toEqual([[], {}, false])
        continue
      }
      for (const one of remove) model.entries.delete(one)
      for (const [one, text] of Object.entries(each.set)) model.entries.set(one, text)
      if (outcome.state !== 'committed') {
        expect([...model.entries]).toEqual([])
        model.ended = true
        open.delete(each.request)
        continue
      }
      model.use(now)
      token = outcome.session.token
      open.set(each.request, { ...running, session: outcome.session })
    }
    const last = await at.beside({}, [NEWER, SECRET]).open(token, USE)
    expect(texts(last)).toEqual(model.alive(at.clock.now()) ? Object.fromEntries(model.entries) : undefined)
  }), sessionCases(1_000))
})
