/** One client: a browser's jar, a history, and habits that a seed decides. It logs in, writes, reads, bursts, hangs up, logs out, and starts again. */
import { setTimeout as pause } from 'node:timers/promises'
import { AIM_MS } from './faults.ts'
import { Ledger } from './ledger.ts'
import { Random } from './random.ts'
import { type Order, pickPort, send, type Sent, type World } from './sender.ts'
import { hear } from './wire.ts'
import { type EntryKey, FREE_ENTRIES, LOCKED_ENTRIES, type Saw, SAW_HEADER, type Shape } from './words.ts'

/** A session that has so many writes is logged out: its lists travel in every answer. */
const MOST_WRITES = 60
const MOST_GRAVES = 8
/** One client in so many stays logged in, and does little but read: what only time brings about needs sessions that last. */
const STAYS_EVERY = 4
const FIRST_WRITES = 5

export class Client {
  readonly #name: string
  readonly #world: World
  readonly #random: Random
  readonly #stays: boolean
  #lives = 0
  #ledger: Ledger | undefined
  /** Unlocked entries with a write that was not answered (yet): another one could overtake it, as it may without a lock. */
  #unsettled = new Set<EntryKey>()
  readonly #flying = new Set<Promise<void>>()
  /** Tokens of sessions whose logout was answered. */
  readonly #graves: { readonly token: string; readonly ledger: Ledger }[] = []

  constructor(index: number, seed: number, world: World) {
    this.#name = `c${index}`
    this.#world = world
    this.#random = new Random(seed, this.#name)
    this.#stays = index % STAYS_EVERY === 0
  }

  /** Until `done` says so. */
  async live(done: () => boolean): Promise<void> {
    while (!done()) {
      await this.#turn(done)
      await pause(this.#random.int(0, 40))
    }
    await Promise.all(this.#flying)
  }

  /** Whether a write and a read of what it wrote work, tried until `deadline`; then a last look at what should be gone. */
  async worksAgain(deadline: number): Promise<boolean> {
    while (performance.now() < deadline) {
      const ledger = await this.#session()
      const wrote = ledger !== undefined && await this.#send(ledger, this.#append(LOCKED_ENTRIES[0], 'plain')).answered
      const read = wrote && ledger !== undefined && await this.#send(ledger, { action: 'read' }).answered
      if (read) {
        for (const grave of this.#graves) await this.#lookAt(grave)
        return true
      }
      await pause(50)
    }
    return false
  }

  async #turn(done: () => boolean): Promise<void> {
    const ledger = await this.#session()
    if (ledger === undefined) return
    const { sidecar } = this.#world.aim
    if (sidecar !== undefined) return this.#holdAt(sidecar, ledger)
    if (this.#stays) return this.#stay(ledger)
    const dice = this.#random.next()
    if (ledger.writes > MOST_WRITES || dice < 0.05) await this.#logOut(ledger, done)
    else if (dice < 0.12) await this.#hangUp(ledger)
    else if (dice < 0.17) await this.#send(ledger, { action: 'login', locked: this.#random.chance(0.5), shape: this.#shape() }).answered
    else if (dice < 0.32) await this.#burstOnOne(ledger)
    else if (dice < 0.47) await this.#burstOnMany(ledger)
    else if (dice < 0.60) await this.#heard(this.#send(ledger, { action: 'read', shape: this.#shape(), locked: this.#random.chance(0.2) }))
    else if (dice < 0.64) await this.#lookBack()
    else await this.#heard(this.#send(ledger, this.#append(this.#anEntry())))
    return undefined
  }

  async #stay(ledger: Ledger): Promise<void> {
    const writes = ledger.writes < FIRST_WRITES || this.#random.chance(0.002)
    await this.#heard(this.#send(ledger, writes ? this.#append(this.#anEntry()) : { action: 'read', shape: this.#shape() }))
  }

  /** The session of now, or a new one. undefined: there is none to be had at the moment. */
  async #session(): Promise<Ledger | undefined> {
    if (this.#ledger !== undefined && !this.#ledger.broken) return this.#ledger
    await Promise.all(this.#flying)
    this.#unsettled = new Set()
    this.#ledger = undefined
    const { tally } = this.#world
    const ledger = new Ledger(`${this.#name}.${++this.#lives}`, (check, what, of) => tally.report(check, what, of))
    const saw = await this.#send(ledger, { action: 'start', shape: this.#random.chance(0.2) ? 'slow' : 'plain' }).answered
    if (saw === undefined) {
      await pause(50)
      return undefined
    }
    if (ledger.token === undefined) tally.report('lost', 'a new session came without a token', ledger)
    else this.#ledger = ledger
    tally.add('sessions')
    return this.#ledger
  }

  /** Writes to one entry at a time, through routes that lock; perhaps with a read and a login in between. */
  async #burstOnOne(ledger: Ledger): Promise<void> {
    this.#world.tally.add('bursts')
    const entry = this.#random.pick(LOCKED_ENTRIES)
    // Slow ones, so that somebody holds the lease and others wait for it whenever a fault strikes.
    const slow = this.#random.chance(0.6)
    const sent = Array.from({ length: this.#random.int(2, 4) }, () => this.#send(ledger, { ...this.#append(entry), ...(slow ? { delayMs: this.#random.int(20, 300) } : {}) }))
    if (this.#random.chance(0.4)) sent.push(this.#send(ledger, { action: 'read', shape: this.#shape() }))
    if (this.#random.chance(0.15)) sent.push(this.#send(ledger, { action: 'login', locked: true }))
    await Promise.all(sent.map((each) => each.answered))
  }

  /** A slow write that holds the lease where a fault is about to strike, and others that wait for it elsewhere. */
  async #holdAt(sidecar: number, ledger: Ledger): Promise<void> {
    this.#world.tally.add('bursts')
    const entry = this.#random.pick(LOCKED_ENTRIES)
    const holder = this.#send(ledger, { ...this.#append(entry, 'plain'), delayMs: AIM_MS + this.#random.int(100, 400), through: sidecar })
    await pause(this.#random.int(50, 150))
    const others = this.#world.ports.map((_, index) => index).filter((index) => index !== sidecar)
    const waiting = this.#random.sample(others, 2).map((through) => this.#send(ledger, { ...this.#append(entry), through }))
    await Promise.all([holder, ...waiting].map((each) => each.answered))
  }

  /** Writes to different entries at a time, without a lock where the carrier can do without. */
  async #burstOnMany(ledger: Ledger): Promise<void> {
    this.#world.tally.add('bursts')
    const free = FREE_ENTRIES.filter((entry) => !this.#unsettled.has(entry))
    const sent = this.#random.sample(free, this.#random.int(2, 4)).map((entry) => this.#send(ledger, this.#append(entry)))
    if (this.#random.chance(0.4)) sent.push(this.#send(ledger, this.#append(this.#random.pick(LOCKED_ENTRIES))))
    await Promise.all(sent.map((each) => each.answered))
  }

  async #hangUp(ledger: Ledger): Promise<void> {
    const hangUp = this.#random.chance(0.3) ? 'at head' : { afterMs: this.#random.int(0, 60) }
    const order: Order = this.#random.chance(0.15) ? { action: 'login', locked: true } : this.#append(this.#anEntry())
    await this.#send(ledger, { ...order, delayMs: this.#random.int(0, 40), hangUp }).over
  }

  /** Perhaps while other requests are in flight; again until it is answered. Then nobody may see the session any more. */
  async #logOut(ledger: Ledger, done: () => boolean): Promise<void> {
    const random = this.#random
    const meanwhile: Sent[] = []
    let elsewhere = this.#world.ports.map((_, index) => index)
    if (this.#world.carrier === 'files' && random.chance(0.3)) {
      // Without a lock, and so as the only one: it would overwrite what others write. And not beside the same app: there it brings the file back itself.
      await Promise.all(this.#flying)
      const through = random.pick(elsewhere)
      elsewhere = elsewhere.filter((index) => index !== through)
      meanwhile.push(this.#send(ledger, { ...this.#append(LOCKED_ENTRIES[0]), bare: true, through, delayMs: random.int(20, 150) }))
      await pause(random.int(5, 30))
    } else if (random.chance(0.6)) {
      for (let i = random.int(1, 3); i > 0; i -= 1) meanwhile.push(this.#send(ledger, { ...this.#append(this.#anEntry()), delayMs: random.int(5, 120) }))
      await pause(random.int(0, 40))
    }
    this.#ledger = undefined
    let ended = false
    for (let attempt = 0; attempt < 100 && !(attempt > 0 && done()); attempt += 1) {
      const saw = await this.#send(ledger, { action: 'logout', locked: random.chance(0.3), keepCookie: this.#world.carrier === 'files' && random.chance(0.3), ...(elsewhere.length < this.#world.ports.length ? { through: random.pick(elsewhere) } : {}) }).answered
      ended = saw?.ended === true
      if (saw !== undefined) break
      await pause(100)
    }
    if (ended) await this.#bury(ledger)
    await Promise.all(meanwhile.map((each) => each.over))
    // What was in flight may have brought it back, or a token to it.
    if (ended && meanwhile.length > 0) await this.#bury(ledger)
  }

  /** Looks at what must be gone, under each of its last tokens, now and again later. */
  async #bury(ledger: Ledger): Promise<void> {
    for (const token of [...ledger.tokens.values()].slice(-3)) {
      if (!this.#graves.some((grave) => grave.token === token)) this.#graves.push({ token, ledger })
    }
    this.#graves.splice(0, this.#graves.length - MOST_GRAVES)
    for (const grave of this.#graves.filter((each) => each.ledger === ledger)) await this.#lookAt(grave)
  }

  async #lookBack(): Promise<void> {
    const grave = this.#graves.at(-this.#random.int(1, Math.max(1, this.#graves.length)))
    if (grave !== undefined) await this.#lookAt(grave)
  }

  /** With the token of a session that has been logged out. */
  async #lookAt({ token, ledger }: { readonly token: string; readonly ledger: Ledger }): Promise<void> {
    const { tally, agent } = this.#world
    tally.add('probes')
    const heard = await hear(agent, { port: pickPort(this.#world, this.#random), method: 'GET', path: '/free/read', cookie: `unstick=${token}`, onHead: () => undefined })
    if (heard.state === 'failed' || heard.head.status !== 200) return
    ledger.seenAfterLogout(JSON.parse(String(heard.head.headers[SAW_HEADER])) as Saw)
  }

  #append(entry: EntryKey, shape = this.#shape()): Order {
    const locked = (LOCKED_ENTRIES as readonly EntryKey[]).includes(entry)
    return { action: 'append', entry, locked, shape, ...(this.#random.chance(0.3) ? { delayMs: this.#random.int(1, 150) } : {}) }
  }

  #anEntry(): EntryKey {
    const free = FREE_ENTRIES.filter((entry) => !this.#unsettled.has(entry))
    return this.#random.chance(0.5) || free.length === 0 ? this.#random.pick(LOCKED_ENTRIES) : this.#random.pick(free)
  }

  #shape(): Shape {
    const dice = this.#random.next()
    return dice < 0.8 ? 'plain' : dice < 0.93 ? 'slow' : 'large'
  }

  /** With cookies what counts is there with the head: the next request may begin before the rest has come. */
  async #heard({ answered, over }: Sent): Promise<void> {
    await (this.#random.chance(0.5) ? answered : over)
  }

  #send(ledger: Ledger, order: Order): Sent {
    const { tally, carrier } = this.#world
    const { entry } = order
    const unlocked = carrier === 'cookies' && entry !== undefined && order.locked !== true
    if (unlocked) this.#unsettled.add(entry)
    const unsettled = this.#unsettled
    const sent = send(this.#world, this.#random, ledger, order)
    this.#flying.add(sent.over)
    void sent.over.then(() => this.#flying.delete(sent.over))
    void sent.answered.then((saw) => {
      if (saw === undefined) return
      if (unlocked) unsettled.delete(entry)
      if (order.action === 'append') tally.add('writes')
      if (order.action === 'read') tally.add('reads')
      if (order.action === 'login') tally.add('logins')
      if (order.action === 'logout') tally.add('logouts')
      else if (saw.owner === null && this.#ledger === ledger && !ledger.broken) {
        tally.add('lapsed')
        this.#ledger = undefined
      }
    })
    return sent
  }
}
