/** A child process of the demo, from its start until the kernel has taken it away. */
import { spawn, type ChildProcess } from 'node:child_process'
import { connect } from 'node:net'
import { extname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { UnstickError } from '../errors.ts'

/** `.ts` from a clone, `.js` from a build: the children's files end as this one does. */
export const EXTENSION = extname(fileURLToPath(import.meta.url))

const WITH_PARENT = new URL(`./with-parent${EXTENSION}`, import.meta.url).href
const TAIL_CHARS = 2000
const POLL_MS = 25

export interface ChildPlan {
  /** As people read it: `replica A`. */
  readonly name: string
  readonly script: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The port on loopback that it will listen on. */
  readonly port: number
  /** The demo's folder, which the child removes should the demo die without doing so. */
  readonly folder: string
  readonly startTimeoutMs: number
}

export class Child {
  readonly pid: number
  /** Resolves when the process is gone. */
  readonly gone: Promise<void>
  readonly #process: ChildProcess

  constructor(process: ChildProcess, pid: number, gone: Promise<void>) {
    this.#process = process
    this.pid = pid
    this.gone = gone
  }

  /** kill -9, and waits until it is gone. */
  async kill(): Promise<void> {
    this.#process.kill('SIGKILL')
    await this.gone
  }

  /** kill -9 without waiting, for the last moments of the demo itself. */
  killNow(): void {
    this.#process.kill('SIGKILL')
  }

  /** Asks it to end, and insists after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.#process.kill('SIGTERM')
    const insist = setTimeout(() => this.#process.kill('SIGKILL'), graceMs)
    await this.gone
    clearTimeout(insist)
  }
}

/**
 * Starts a child; `onSpawn` gets it at once, so that it can be stopped even while it starts. Resolves when it accepts connections. Throws `start_failed`
 * with the end of what it printed when it ends first or takes too long.
 */
export async function startChild(plan: ChildPlan, onSpawn: (child: Child) => void): Promise<Child> {
  const spawned = spawn(process.execPath, ['--import', WITH_PARENT, plan.script, ...plan.args], {
    env: { ...process.env, ...plan.env, UNSTICK_DEMO_FOLDER: plan.folder },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const output = tailOf(spawned)
  let ended: string | undefined
  const gone = new Promise<void>((resolve) => {
    spawned.once('error', (error) => {
      ended ??= `could not be run: ${error.message}`
      resolve()
    })
    // `close`, not `exit`: by then all that it printed has been read.
    spawned.once('close', (code, signal) => {
      ended ??= signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
      resolve()
    })
  })
  if (spawned.pid === undefined) {
    await gone
    throw new UnstickError('start_failed', `${plan.name} ${ended}`)
  }
  const child = new Child(spawned, spawned.pid, gone)
  onSpawn(child)
  const deadline = Date.now() + plan.startTimeoutMs
  while (!(await accepts(plan.port))) {
    if (ended !== undefined) throw new UnstickError('start_failed', `${plan.name} ${ended} before it listened on port ${plan.port}.${quoted(output())}`)
    if (Date.now() > deadline) {
      await child.kill()
      throw new UnstickError('start_failed', `${plan.name} did not listen on port ${plan.port} within ${plan.startTimeoutMs / 1000} s.${quoted(output())}`)
    }
    await Promise.race([gone, delay(POLL_MS)])
  }
  return child
}

/** Reads all that a child prints, so that it never waits for a reader, and keeps the end of it. */
function tailOf(child: ChildProcess): () => string {
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-TAIL_CHARS)
    })
  }
  return () => tail
}

const quoted = (output: string): string => {
  const text = output.trim()
  return text === '' ? ' It printed nothing.' : ` It printed last:\n${text.replace(/^/gm, '  | ')}`
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => {
      socket.destroy()
      resolve(false)
    })
  })
