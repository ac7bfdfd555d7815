/**
 * The one story that is played over every app: log in, use the site over both replicas, one request after another and
 * many at once, lose a replica and a sidecar on the way. It reports what was lost; whether anything may be is the test's.
 */
import { randomBytes } from 'node:crypto'
import { Browser, CutShort, type Answer } from '../support/browser.ts'
import { until } from '../support/until.ts'
import type { ReplicaName } from '../support/haproxy.ts'
import { USER, type App, type State } from './app.ts'
import type { Part, Site } from './site.ts'

export interface Report {
  /** What went wrong, in the order in which it did. Empty: every request found its session. */
  readonly lost: string[]
  /** What the client holds at the end. */
  readonly cookies: readonly string[]
  /** How many answers came from each replica. */
  readonly served: ReadonlyMap<string, number>
}

const REQUESTS = 50
const AT_ONCE = 10

export class Story {
  readonly #app: App
  readonly #site: Site
  readonly #browser: Browser
  readonly #expected: string[] = []
  readonly #lost: string[] = []
  readonly #served = new Map<string, number>()
  readonly #heard: string[] = []
  readonly #itemLength: number
  /** Holds what the client held before the login. */
  #planted: Browser | undefined

  /** `itemLength`: characters of each item that is written; many of them fill the session. */
  constructor(app: App, site: Site, itemLength: number) {
    this.#app = app
    this.#itemLength = itemLength
    this.#site = site
    this.#browser = new Browser(site.balancer.origin, (answer) => { this.#hear(answer) })
  }

  report(): Report {
    return { lost: this.#lost, cookies: this.#browser.cookies().map(({ name }) => name), served: this.#served }
  }

  /** Every line of every head and every byte of every body that the client got. */
  heard(): string {
    return this.#heard.join('\n')
  }

  /** With a session from before, where the app has one and changes its id: then the token must change in the same step. */
  async login(): Promise<void> {
    await this.#attempt('begin', async () => this.#app.begin?.(this.#browser))
    const before = this.#token()
    if (before !== undefined) this.#planted = this.#browser.copy()
    await this.#attempt('log in', () => this.#app.login(this.#browser))
    if (before !== undefined && this.#token() === before) this.#lost.push('log in: the token is the one from before')
    for (const replica of this.#planted === undefined ? [] : ['one replica', 'the other']) {
      // For requests that were in flight.
      await this.#attempt(`right after the login, with the old token, on ${replica}`, () => this.#findsUser(this.#planted))
    }
    await this.#look('after the login')
  }

  /** Whoever holds the token from before the login, as one who planted it: 10 s after the login it must be nothing on any replica. */
  async oldTokenEnds(): Promise<void> {
    const planted = this.#planted
    if (planted === undefined) return
    await until('the token from before the login is nothing', async () => (await this.#app.read(planted.copy())).user === undefined, 15_000)
    for (const replica of ['one replica', 'the other']) {
      await this.#attempt(`later, with the token from before the login, on ${replica}`, async () => {
        const { user } = await this.#app.read(planted.copy())
        if (user !== undefined) throw new Error(`logged in: ${user}`)
      })
    }
  }

  /** One request after another: the balancer sends each to the other replica. */
  async useOneByOne(): Promise<void> {
    const every = Math.ceil(REQUESTS / (this.#app.writes ?? 10))
    for (let i = 1; i <= REQUESTS; i += 1) {
      if (i % every === 0) await this.#write(`request ${i}`)
      else await this.#look(`request ${i}`)
    }
  }

  /** Ten at once, of one client: each write must survive the others. */
  async useAtOnce(): Promise<void> {
    const writes = this.#app.parallelWrites ?? AT_ONCE
    const all = Array.from({ length: AT_ONCE }, (_, i) => i < writes ? this.#write(`parallel write ${i}`) : this.#attempt(`parallel read ${i}`, () => this.#findsUser()))
    await Promise.all(all)
    await this.#look('after parallel requests, on one replica')
    await this.#look('after parallel requests, on the other replica')
  }

  /** kill -9 with requests in flight; the site goes on with what is left, and then with what came back. */
  async lose(part: Part, replica: ReplicaName): Promise<void> {
    const other: ReplicaName = replica === 'replica-1' ? 'replica-2' : 'replica-1'
    const inFlight = Array.from({ length: AT_ONCE }, (_, i) => this.#look(`read ${i} in flight as the ${part} of ${replica} is killed`, { reload: true }))
    // With the first answer here, the others are on their way: one in the app, the rest waiting for the session.
    await Promise.race(inFlight)
    await this.#site.kill(part, replica)
    await Promise.all(inFlight)
    for (let i = 0; i < 6; i += 1) await this.#look(`read ${i} right after the ${part} of ${replica} was killed`)
    await this.#site.balancer.serves([other])
    await this.#write(`write without the ${part} of ${replica}`)
    await this.#site.restart(part, replica)
    await this.#site.balancer.serves([replica, other])
    for (let i = 0; i < 4; i += 1) await this.#look(`read ${i} after the ${part} of ${replica} came back`)
  }

  /** What each replica shows after the log-out to this client, and to one that kept what it held before. Empty where the app has none. */
  async logout(): Promise<State[]> {
    if (this.#app.logout === undefined) return []
    const kept = this.#browser.copy()
    await this.#app.logout(this.#browser)
    const seen: State[] = []
    for (const browser of [this.#browser, this.#browser, kept, kept]) seen.push(await this.#app.read(browser))
    return seen
  }

  /** Somebody else must see nothing of it: a state that everybody shares would pass all the rest. */
  async strangerLooks(): Promise<State> {
    return this.#app.read(new Browser(this.#site.balancer.origin))
  }

  async #findsUser(browser = this.#browser): Promise<void> {
    const { user } = await this.#app.read(browser)
    if (user !== USER) throw new Error(`logged in: ${user ?? 'nobody'}`)
  }

  /** What unstick gave the client to hold, without the version of the session that stands behind it. */
  #token(): string | undefined {
    return this.#browser.cookie('unstick')?.split('.')[0]
  }

  #hear({ head, body }: Answer): void {
    this.#heard.push([...head].map(([name, value]) => `${name}: ${value}`).join('\n'), body)
    const replica = head.get('served-by') ?? 'haproxy'
    this.#served.set(replica, (this.#served.get(replica) ?? 0) + 1)
  }

  async #write(when: string): Promise<void> {
    const item = `i${this.#expected.length}x${randomBytes(this.#itemLength).toString('hex').slice(0, this.#itemLength)}`
    this.#expected.push(item)
    await this.#attempt(when, () => this.#app.write(this.#browser, item))
  }

  /** `reload`: as people do when a page stops halfway. What was under way when its bearer died cannot come whole. */
  async #look(when: string, { reload = false } = {}): Promise<void> {
    const expected = [...this.#expected]
    await this.#attempt(when, async () => {
      const { user, items } = await this.#app.read(this.#browser).catch((error: unknown) => {
        if (reload && error instanceof CutShort) return this.#app.read(this.#browser)
        throw error
      })
      const missing = expected.filter((item) => !items.includes(item))
      if (user !== USER) throw new Error(`logged in: ${user ?? 'nobody'}`)
      if (missing.length > 0) throw new Error(`${missing.length} of ${expected.length} items are gone`)
    })
  }

  /** A step that fails is a loss: the user sees it, whatever the cause. */
  async #attempt(when: string, step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      this.#lost.push(`${when}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}
