/** The session of a WebSocket handshake: what its answer changes in it, and when that is written. */
import type { Outcome } from '../carrier/carrier.ts'
import { UnstickError } from '../errors.ts'
import type { ResponseHead } from '../http/message.ts'
import type { Logger } from '../log.ts'
import { merge, type Visit } from './visit.ts'

/** Does nothing until it begins, as on a route without sessions. */
export class HandshakeSession {
  #visit: Visit | undefined
  /** A commit is on its way, or failed. */
  #unsure = false

  async begin(visit: Visit, gone: AbortSignal): Promise<void> {
    this.#visit = visit
    await visit.begin(() => gone)
  }

  /** Whether vaulted cookies are taken out of the answer by it. */
  get captures(): boolean {
    return this.#visit !== undefined
  }

  /** Header names that the client must not get in trailers either, in lower case. */
  get stripped(): ReadonlySet<string> | undefined {
    return this.#visit?.stripped
  }

  /** Takes its part out of the answer's head, and commits that. `last`: there is no body, and what the app left is there to be taken in. */
  async commitHead(head: ResponseHead, last: boolean): Promise<void> {
    const visit = this.#visit
    if (visit === undefined) return
    const changes = visit.capture(head)
    // What a rule keeps from clients must not get out because one asks for another protocol too.
    if (!last && visit.reading(head) !== undefined) throw new UnstickError('bad_request', 'What is asked for here takes no WebSocket handshakes.')
    this.#unsure = true
    await visit.commit(last ? merge(changes, await visit.settle('complete')) : changes, last)
    this.#unsure = false
    visit.announce(head)
  }

  async commitEnd(): Promise<void> {
    const visit = this.#visit
    if (visit === undefined) return
    this.#unsure = true
    await visit.commit(await visit.settle('complete'), true)
    this.#unsure = false
  }

  /** Calls `ended` when the session ends. undefined: there is none. The answer ends it. */
  watch(ended: () => void): (() => void) | undefined {
    return this.#visit?.watch(ended)
  }

  /** The handshake failed. What the app left is committed all the same, but not beside a commit that failed: it would be half of what belongs together. */
  async giveUp(outcome: Outcome, log: Logger): Promise<void> {
    const visit = this.#visit
    if (visit === undefined) return
    try {
      const left = await visit.settle(outcome)
      if (!this.#unsure) await visit.commit(left, true)
    } catch (error) {
      log.error({ err: error }, 'what the app left in its session could not be saved after its handshake broke')
    }
  }
}
