/** Real child processes of a test: started, watched, killed, and never left behind. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { until } from './until.ts'

export interface Program {
  /** For messages. */
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** Whether it serves now; it may throw while it does not. */
  ready(): Promise<boolean>
  /** How long it may take to be ready. */
  readonly startMs?: number
}

export interface Running {
  readonly name: string
  /** Its process id; undefined: it could not be started. */
  readonly pid: number | undefined
  /** What it wrote to standard output and standard error so far, the last 64 thousand characters. */
  output(): string
  /** SIGTERM, and SIGKILL if that does not end it within 5 s. Does nothing when it has ended. */
  stop(): Promise<void>
  /** SIGKILL, as if the machine had taken it away. */
  kill(): Promise<void>
  /** SIGSTOP: it stands still, with its connections open, until SIGCONT. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void
}

/** The kernel ends a child whose parent is gone, even if the parent was killed; a helper of util-linux asks it to. */
const SETPRIV = '/usr/bin/setpriv'
const OUTPUT_LIMIT = 64_000
const STOP_MS = 5000

const alive = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of alive) signalGroup(child, 'SIGKILL')
})

/** Starts a program and waits until it is ready. When that fails it is stopped, and the error has what it wrote. */
export async function start(program: Program): Promise<Running> {
  const bound = existsSync(SETPRIV)
  const child = spawn(
    bound ? SETPRIV : program.command,
    bound ? ['--pdeathsig', 'KILL', program.command, ...program.args] : [...program.args],
    // A group of its own, so that what it starts ends with it.
    { cwd: program.cwd, env: { ...process.env, ...program.env }, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  )
  alive.add(child)
  const running = new Child(program.name, child)
  try {
    await until(`${program.name} is ready`, async () => running.ended() || (await program.ready()), program.startMs ?? 20_000, () => running.output())
    if (running.ended()) throw new Error(`${program.name} ended before it was ready:\n${running.output()}`)
  } catch (error) {
    await running.kill()
    throw error
  }
  return running
}

class Child implements Running {
  readonly name: string
  readonly pid: number | undefined
  readonly #child: ChildProcess
  readonly #closed: Promise<unknown>
  #output = ''

  constructor(name: string, child: ChildProcess) {
    this.name = name
    this.pid = child.pid
    this.#child = child
    this.#closed = once(child, 'close').catch((error: unknown) => {
      this.#keep(`could not be started: ${String(error)}`)
    })
    void this.#closed.then(() => alive.delete(child))
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => { this.#keep(text) })
    }
  }

  output(): string {
    return this.#output
  }

  ended(): boolean {
    return this.#child.pid === undefined || this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async stop(): Promise<void> {
    if (!this.ended()) signalGroup(this.#child, 'SIGTERM')
    const late = setTimeout(() => { signalGroup(this.#child, 'SIGKILL') }, STOP_MS)
    await this.#closed
    clearTimeout(late)
  }

  async kill(): Promise<void> {
    signalGroup(this.#child, 'SIGKILL')
    await this.#closed
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    signalGroup(this.#child, name)
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-OUTPUT_LIMIT)
  }
}

function signalGroup(child: ChildProcess, signal: 'SIGTERM' | 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    // The group is gone already, which is what the signal was for.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
