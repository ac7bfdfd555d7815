/** Two replicas of an app behind a balancer in plain round robin, each with a sidecar, or without, to compare. */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { REPLICAS, startBalancer, type Balancer, type ReplicaName } from '../support/haproxy.ts'
import { freePorts } from '../support/ports.ts'
import { start, type Running } from '../support/process.ts'
import { startSidecar } from '../support/sidecar.ts'
import { startWiretap, type Wiretap } from '../support/wiretap.ts'
import type { App, Layout, Place } from './app.ts'
import { startStore } from './shared-store.ts'

export type Part = 'app' | 'sidecar'

export class Site implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack()
  readonly #running = new Map<string, Running>()
  readonly #starts = new Map<string, () => Promise<Running>>()
  readonly #wiretaps: Wiretap[] = []
  #balancer: Balancer | undefined

  /** Starts everything; what was started is stopped when that fails. */
  static async start(app: App, layout: Layout): Promise<Site> {
    const site = new Site()
    try {
      await site.#build(app, layout)
      return site
    } catch (error) {
      await site[Symbol.asyncDispose]()
      throw error
    }
  }

  get balancer(): Balancer {
    if (this.#balancer === undefined) throw new Error('the site was not started')
    return this.#balancer
  }

  /** kill -9. */
  async kill(part: Part, replica: ReplicaName): Promise<void> {
    await this.#running.get(`${part} of ${replica}`)?.kill()
  }

  /** Starts again what was killed, where it was. */
  async restart(part: Part, replica: ReplicaName): Promise<void> {
    await this.#run(`${part} of ${replica}`)
  }

  /** What every process wrote last, for the message of a failed test. */
  outputs(): string {
    return [...this.#running].map(([name, running]) => `--- ${name}\n${running.output().slice(-1000)}`).join('\n')
  }

  /** What passed between the sidecars and an app that has secrets, as Latin-1. */
  heard(): { readonly asked: string; readonly answered: string } {
    return { asked: this.#wiretaps.map((wiretap) => wiretap.asked()).join(), answered: this.#wiretaps.map((wiretap) => wiretap.answered()).join() }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync()
  }

  async #build(app: App, layout: Layout): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'unstick-site-'))
    this.#stack.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }))
    // Apps that change to a user of their own have to get in.
    await chmod(folder, 0o755)
    const shared = join(folder, 'shared')
    await mkdir(shared)
    await app.prepare?.(shared)
    const store = layout === 'sidecars' ? await startStore(app.store, folder) : undefined
    if (store !== undefined) this.#stack.defer(() => store.stop())
    const secret = randomBytes(32).toString('base64url')
    const fronts: Record<ReplicaName, number> = { 'replica-1': 0, 'replica-2': 0 }
    const starts: Promise<void>[] = []
    for (const replica of REPLICAS) {
      if (layout === 'alone' && replica === 'replica-2') {
        fronts[replica] = fronts['replica-1']
        continue
      }
      const [appPort = 0, listenPort = 0, adminPort = 0] = await freePorts(3)
      const place: Place = { layout, port: appPort, folder: join(folder, replica), sessions: join(folder, replica, 'sessions'), shared }
      await mkdir(place.sessions, { recursive: true })
      await app.place?.(place)
      fronts[replica] = appPort
      this.#starts.set(`app of ${replica}`, () => start(app.program(place)))
      if (store !== undefined) {
        fronts[replica] = listenPort
        const upstreamPort = app.secrets === undefined ? appPort : await this.#listenTo(appPort)
        this.#starts.set(`sidecar of ${replica}`, () => startSidecar({
          name: `sidecar of ${replica}`, config: app.config, listenPort, adminPort, appPort: upstreamPort, store: store.url, secret, env: { SESSION_FOLDER: place.sessions },
        }))
      }
    }
    for (const name of this.#starts.keys()) starts.push(this.#run(name))
    await settled(starts)
    const balancer = await startBalancer(fronts, app.healthPath)
    this.#stack.defer(() => balancer.stop())
    await balancer.serves(REPLICAS)
    this.#balancer = balancer
  }

  async #listenTo(port: number): Promise<number> {
    const wiretap = await startWiretap(port)
    this.#stack.defer(() => wiretap.stop())
    this.#wiretaps.push(wiretap)
    return wiretap.port
  }

  async #run(name: string): Promise<void> {
    const running = await this.#starts.get(name)?.()
    if (running === undefined) throw new Error(`there is no ${name}`)
    this.#running.set(name, running)
    this.#stack.defer(() => running.stop())
  }
}

/** Waits for all, also where one fails, so that nothing starts after the clean-up. Throws the first failure. */
async function settled(starts: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(starts)) {
    if (result.status === 'rejected') throw result.reason
  }
}
