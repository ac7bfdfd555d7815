/** A visitor without a browser: keeps cookies as one would, asks for one thing at a time, and judges each answer. */
import { formatCookieHeader, parseSetCookie } from '../http/cookies.ts'
import type { Answer } from './shop/app.ts'
import { judge, type Expected, type Verdict } from './shop/judge.ts'

const TIMEOUT_MS = 20_000

/** What came of one request; `replica` undefined: no answer of the shop. */
export interface Experience {
  readonly replica: string | undefined
  readonly verdict: Verdict | 'failed'
  readonly user: string | undefined
  readonly pieces: number
}

export class Visitor {
  readonly #base: string
  readonly #cookies = new Map<string, string>()
  #expected: Expected | undefined

  /** `base`: the address, without a slash at its end. */
  constructor(base: string) {
    this.#base = base
  }

  /** What the shop has confirmed so far. */
  get expected(): Expected | undefined {
    return this.#expected
  }

  login(name: string): Promise<Experience> {
    return this.#ask('/login', 'login', { name })
  }

  addToCart(product: string): Promise<Experience> {
    return this.#ask('/cart', 'cart', { product })
  }

  look(): Promise<Experience> {
    return this.#ask('/whoami', 'read')
  }

  async #ask(path: string, act: string, fields?: Record<string, string>): Promise<Experience> {
    const answer = await this.#fetch(path, fields)
    if (answer === undefined) return { replica: undefined, verdict: 'failed', user: undefined, pieces: 0 }
    const { verdict, next } = judge(this.#expected, act, answer)
    this.#expected = next
    return { replica: answer.replica, verdict, user: answer.user ?? undefined, pieces: answer.pieces }
  }

  async #fetch(path: string, fields: Record<string, string> | undefined): Promise<Answer | undefined> {
    const cookie = formatCookieHeader([...this.#cookies].map(([name, value]) => ({ name, value })))
    try {
      const response = await fetch(this.#base + path, {
        method: fields === undefined ? 'GET' : 'POST',
        headers: { accept: 'application/json', ...(cookie === '' ? {} : { cookie }) },
        redirect: 'manual',
        signal: AbortSignal.timeout(TIMEOUT_MS),
        ...(fields === undefined ? {} : { body: new URLSearchParams(fields) }),
      })
      for (const header of response.headers.getSetCookie()) this.#keep(header)
      const isAnswer = response.headers.get('content-type')?.includes('json') === true
      if (!isAnswer) await response.body?.cancel()
      return isAnswer ? ((await response.json()) as Answer) : undefined
    } catch {
      // No answer, or not in time: that is what came of this request, and the tally says so.
      return undefined
    }
  }

  #keep(header: string): void {
    const cookie = parseSetCookie(header)
    if (cookie === undefined) return
    const over = (cookie.maxAgeS !== undefined && cookie.maxAgeS <= 0) || (cookie.expires !== undefined && cookie.expires <= Date.now())
    if (over) this.#cookies.delete(cookie.name)
    else this.#cookies.set(cookie.name, cookie.value)
  }
}
