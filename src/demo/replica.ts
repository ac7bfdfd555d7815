/** One replica: the app, its folder of session files, and the sidecar in front of it. They die together, as a pod does. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXTENSION, startChild, type Child, type ChildPlan } from './child.ts'
import { UnstickError } from '../errors.ts'
import { sidecarYaml } from './sidecar-config.ts'

const SHOP = fileURLToPath(new URL(`./shop/server${EXTENSION}`, import.meta.url))
const CLI = fileURLToPath(new URL(`../cli${EXTENSION}`, import.meta.url))
const START_TIMEOUT_MS = 20_000

export interface ReplicaPlan {
  readonly name: string
  readonly ports: { readonly app: number; readonly sidecar: number; readonly admin: number }
  /** The demo's folder. */
  readonly folder: string
  readonly database: string
  readonly secret: string
  /** JSON for the shop: what its page says about this demo. */
  readonly stages: string
  /** The command line that `run -c FILE` is given to; the tests put a broken one here. */
  readonly cli?: string
}

export type ReplicaState = 'up' | 'down' | 'starting'

export interface ReplicaStatus {
  readonly name: string
  readonly state: ReplicaState
  /** As people read it. */
  readonly detail: string
}

/** What of a replica can die on its own. */
export type Part = 'app' | 'sidecar'

export class Replica {
  readonly #plan: ReplicaPlan
  readonly #onDeath: (part: Part, pid: number) => void
  readonly #live = new Map<Part, Child>()
  /** The start that is under way. */
  #start: Promise<unknown> | undefined
  #ending = false

  /** `onDeath`: a part ended that nobody here had asked to end. */
  constructor(plan: ReplicaPlan, onDeath: (part: Part, pid: number) => void) {
    this.#plan = plan
    this.#onDeath = onDeath
  }

  get name(): string {
    return this.#plan.name
  }

  pidOf(part: Part): number | undefined {
    return this.#live.get(part)?.pid
  }

  status(): ReplicaStatus {
    const { name } = this.#plan
    if (this.#start !== undefined) return { name, state: 'starting', detail: 'back in a moment' }
    const [app, sidecar] = [this.pidOf('app'), this.pidOf('sidecar')]
    if (app !== undefined && sidecar !== undefined) return { name, state: 'up', detail: `pid ${app}, sidecar ${sidecar}` }
    return { name, state: 'down', detail: app === undefined ? 'back in a few seconds' : 'its sidecar is down' }
  }

  /** Starts what is not running. An app always starts with an empty folder, as in a new container. Throws `start_failed`. */
  async start(): Promise<void> {
    const parts: Promise<void>[] = []
    if (this.pidOf('app') === undefined) parts.push(this.#startApp())
    if (this.pidOf('sidecar') === undefined) parts.push(this.#startSidecar())
    const settled = Promise.allSettled(parts)
    this.#start = settled
    await settled
    this.#start = undefined
    await Promise.all(parts)
  }

  /** kill -9 of the app and the sidecar; what the folder held is gone with them. */
  async kill(): Promise<void> {
    await this.#end((child) => child.kill())
    await rm(this.#sessions, { recursive: true, force: true })
  }

  async stop(graceMs: number): Promise<void> {
    this.#ending = true
    await this.#end((child) => child.stop(graceMs))
    // What was being started meanwhile ends by itself, now that `#ending` is set.
    await this.#start
  }

  killNow(): void {
    for (const child of this.#live.values()) child.killNow()
  }

  get #sessions(): string {
    return join(this.#plan.folder, `sessions-${this.#plan.name}`)
  }

  async #startApp(): Promise<void> {
    await rm(this.#sessions, { recursive: true, force: true })
    await mkdir(this.#sessions, { recursive: true })
    const { name, ports, secret, stages } = this.#plan
    const env = { PORT: String(ports.app), REPLICA: name, SESSIONS: this.#sessions, SESSION_SECRET: secret, STAGES: stages, NODE_ENV: 'production' }
    await this.#startPart('app', { name: `The app of replica ${name}`, script: SHOP, args: [], env, port: ports.app })
  }

  async #startSidecar(): Promise<void> {
    const { name, ports, folder, database, secret, cli = CLI } = this.#plan
    const file = join(folder, `unstick-${name}.yaml`)
    const yaml = sidecarYaml({ port: ports.sidecar, adminPort: ports.admin, upstreamPort: ports.app, database, sessions: this.#sessions, secret })
    await writeFile(file, yaml, { mode: 0o600 })
    await this.#startPart('sidecar', { name: `The sidecar of replica ${name}`, script: cli, args: ['run', '-c', file], env: {}, port: ports.sidecar })
  }

  async #startPart(part: Part, plan: Omit<ChildPlan, 'folder' | 'startTimeoutMs'>): Promise<void> {
    if (this.#ending) throw new UnstickError('start_failed', `${plan.name} was not started: the demo is stopping.`)
    let up = false
    await startChild({ ...plan, folder: this.#plan.folder, startTimeoutMs: START_TIMEOUT_MS }, (child) => {
      this.#live.set(part, child)
      void child.gone.then(() => {
        const expected = this.#live.get(part) !== child
        if (!expected) this.#live.delete(part)
        // One that dies while it starts fails `start` instead.
        if (!expected && up && !this.#ending) this.#onDeath(part, child.pid)
      })
      if (this.#ending) child.killNow()
    })
    up = true
  }

  async #end(how: (child: Child) => Promise<void>): Promise<void> {
    const children = [...this.#live.values()]
    this.#live.clear()
    await Promise.all(children.map(how))
  }
}
