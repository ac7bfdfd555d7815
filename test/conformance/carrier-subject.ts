/** What a carrier's runner hands to the suite, and the session in which the suite's tests run. */
import type { Carrier, Changes, Entry, Outcome, SessionView } from '../../src/carrier/carrier.ts'
import type { RequestHead, ResponseHead } from '../../src/http/message.ts'
import type { EntryName } from '../../src/store/store.ts'
import { testClock } from '../support/test-clock.ts'

/** What the app does with its state in one request. */
export type Deed = { readonly write: string } | 'end' | 'nothing'

/** One replica of an app, with the carrier beside it. */
export interface Replica {
  readonly carrier: Carrier
  /** A request of `visitor` as this carrier gets it: what carriers before it do is done. */
  request(visitor: Visitor): RequestHead
  /** Plays the app: looks for its state where the carrier put it, does `deed`, answers. States are texts of `[a-z0-9]`. */
  serve(visitor: Visitor, request: RequestHead, deed: Deed): { found: string | undefined; response: ResponseHead }
}

export interface CarrierSubject {
  /** Two replicas of one app that share nothing. */
  readonly replicas: readonly [Replica, Replica]
  /** What the names of the carrier's entries begin with. */
  readonly prefix: string
  close(): Promise<void>
}

const ENDLESS = Buffer.from('not what it was')

/** A client's session, as the store would keep it. */
export class Visitor {
  readonly entries = new Map<EntryName, Entry>()
  /** Cookies that other carriers would keep for it. For runners. */
  readonly cookies = new Map<string, string>()
  readonly #clock = testClock()

  view(): SessionView {
    // As of now: a request sees the session that it opened, whatever is committed meanwhile.
    return { id: 'the-session', entries: new Map(this.entries), now: () => this.#clock.now() }
  }

  commit({ set, remove, destroy, endIfLeft, ifUnchanged }: Changes): void {
    if (destroy === true) {
      this.entries.clear()
      this.cookies.clear()
    }
    for (const name of remove) this.entries.delete(name)
    for (const [name, entry] of set) this.entries.set(name, entry)
    for (const name of ifUnchanged?.remove ?? []) this.entries.delete(name)
    for (const [name, entry] of ifUnchanged?.set ?? []) this.entries.set(name, entry)
    ifUnchanged?.committed()
    if (endIfLeft === undefined || ![...this.entries].every(([name, { value }]) => Buffer.from(value).equals(endIfLeft.get(name)?.value ?? ENDLESS))) return
    this.entries.clear()
    this.cookies.clear()
  }
}

export interface Exchanged {
  readonly found: string | undefined
  /** In the order in which they were committed. */
  readonly changes: readonly [captured: Changes, settled: Changes]
}

/** One request of `visitor` to `replica`, from begin to settle, with what it changes committed. */
export async function exchange(replica: Replica, visitor: Visitor, deed: Deed = 'nothing', outcome: Outcome = 'complete'): Promise<Exchanged> {
  const request = replica.request(visitor)
  const under = await replica.carrier.begin(visitor.view(), request)
  const { found, response } = replica.serve(visitor, request, deed)
  const captured = under.capture(response)
  visitor.commit(captured)
  const settled = await under.settle(outcome)
  visitor.commit(settled)
  return { found, changes: [captured, settled] }
}

export async function stateAt(replica: Replica, visitor: Visitor): Promise<string | undefined> {
  return (await exchange(replica, visitor)).found
}
