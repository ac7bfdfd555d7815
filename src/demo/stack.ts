/** All that the demo runs: a temporary folder, two replicas with their sidecars, and a balancer for each address. */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBalancer } from './balancer.ts'
import { withControls } from './controls.ts'
import { freePorts, listen, listenNear } from './ports.ts'
import { Replica, type Part, type ReplicaStatus } from './replica.ts'
import { REPLICAS, stagesFor, type Addresses } from './stage-texts.ts'

const STOP_GRACE_MS = 3_000

export interface StackEvents {
  /** A part of a replica ended, by the page's button or by other hands. */
  died(replica: Replica, what: Part | 'all', pids: readonly number[]): void
}

export interface StackOptions {
  /** The port of the address with unstick; the other is the next one. undefined: the friendly defaults, or any where those are taken. */
  readonly port: number | undefined
  readonly events: StackEvents
  readonly cli?: string
}

const DEFAULT_PORT = 8000

export class Stack {
  readonly folder: string
  readonly replicas: Replica[] = []
  readonly #servers: Server[] = []
  readonly #events: StackEvents
  #ports: Addresses = { withUnstick: 0, without: 0 }

  private constructor(folder: string, events: StackEvents) {
    this.folder = folder
    this.#events = events
  }

  /** Makes the folder, takes the two addresses and starts everything. Whatever fails, nothing of it is left. `onMade` gets the stack as soon as there is something to stop. */
  static async start(options: StackOptions, onMade: (stack: Stack) => void): Promise<Stack> {
    const stack = new Stack(await mkdtemp(join(tmpdir(), 'unstick-demo-')), options.events)
    onMade(stack)
    try {
      await stack.#start(options)
    } catch (error) {
      await stack.stop()
      throw error
    }
    return stack
  }

  get ports(): Addresses {
    return this.#ports
  }

  status(): ReplicaStatus[] {
    return this.replicas.map((replica) => replica.status())
  }

  /** kill -9 of a replica and its sidecar. false: there is no such replica. */
  async kill(name: string): Promise<boolean> {
    const replica = this.replicas.find((one) => one.name === name)
    if (replica === undefined) return false
    const pids = (['app', 'sidecar'] as const).flatMap((part) => replica.pidOf(part) ?? [])
    if (pids.length === 0) return true
    await replica.kill()
    this.#events.died(replica, 'all', pids)
    return true
  }

  /** Ends every child, closes both addresses, removes the folder. */
  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.close()
      server.closeAllConnections()
    }
    await Promise.all(this.replicas.map((replica) => replica.stop(STOP_GRACE_MS)))
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  /** The same without waiting, for a process that is about to end. */
  stopNow(): void {
    for (const replica of this.replicas) replica.killNow()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 })
  }

  async #start(options: StackOptions): Promise<void> {
    const free = await freePorts(REPLICAS.length * 3)
    const triples = REPLICAS.map((_, index) => free.slice(index * 3, index * 3 + 3) as [number, number, number])
    await this.#listen(options.port, triples)
    const stages = JSON.stringify(stagesFor(randomBytes(6).toString('hex'), this.#ports))
    const common = { folder: this.folder, database: join(this.folder, 'unstick.db'), secret: randomBytes(32).toString('base64url'), stages }
    REPLICAS.forEach((name, index) => {
      const [app, sidecar, admin] = triples[index] ?? [0, 0, 0]
      const plan = { ...common, name, ports: { app, sidecar, admin }, ...(options.cli === undefined ? {} : { cli: options.cli }) }
      const replica = new Replica(plan, (part, pid) => this.#events.died(replica, part, [pid]))
      this.replicas.push(replica)
    })
    const starts = this.replicas.map((replica) => replica.start())
    // All have ended their start, well or not, before anything is cleaned up.
    await Promise.allSettled(starts)
    await Promise.all(starts)
  }

  async #listen(port: number | undefined, triples: readonly (readonly [number, number, number])[]): Promise<void> {
    const serve = (backends: readonly number[]): Server => {
      const server = createServer(withControls(this, createBalancer(backends)))
      this.#servers.push(server)
      return server
    }
    const take = port === undefined ? listenNear : listen
    const first = port ?? DEFAULT_PORT
    const withUnstick = await take(serve(triples.map(([, sidecar]) => sidecar)), first)
    // Only the first was asked for by number, so the second may be any.
    const without = await listenNear(serve(triples.map(([app]) => app)), first === 0 || first === 65_535 ? 0 : first + 1)
    this.#ports = { withUnstick, without }
  }
}
