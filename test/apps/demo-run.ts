/** `unstick demo` as a person runs it: a process of its own, with a temporary folder of its own to leave empty. */
import { spawn, type ChildProcess } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const START_MS = 60_000
const END_MS = 20_000

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export class DemoRun implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #folder: TemporaryFolder
  readonly #pids = new Set<number>()
  readonly ended: Promise<Ended>
  stdout = ''
  stderr = ''

  private constructor(child: ChildProcess, folder: TemporaryFolder) {
    this.#child = child
    this.#folder = folder
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      for (const [, pid] of this.stdout.matchAll(/pid (\d+)\b/g)) this.#pids.add(Number(pid))
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
    })
    this.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal })))
  }

  static async start(...args: string[]): Promise<DemoRun> {
    const folder = await temporaryFolder()
    const { FORCE_COLOR: _, ...env } = process.env
    return new DemoRun(spawn(process.execPath, [CLI, 'demo', ...args], { env: { ...env, TMPDIR: folder.path }, stdio: ['ignore', 'pipe', 'pipe'] }), folder)
  }

  /** Waits until it has said where it is. The addresses, without a slash at their end. */
  async addresses(): Promise<{ withUnstick: string; without: string }> {
    await until('the demo is up', () => this.stdout.includes('Ctrl-C') || this.#child.exitCode !== null, START_MS, () => this.stdout + this.stderr)
    const [withUnstick, without] = this.stdout.match(/http:\/\/127\.0\.0\.1:\d+/g) ?? []
    if (withUnstick === undefined || without === undefined) throw new Error(`the demo named no addresses:\n${this.stdout}${this.stderr}`)
    return { withUnstick, without }
  }

  /** Every process of the demo that it has named so far. */
  get pids(): readonly number[] {
    return [...this.#pids]
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits until no process and no file of the demo is left; throws what is. */
  async gone(): Promise<void> {
    await until('nothing of the demo is left', async () => this.#alive().length === 0 && (await readdir(this.#folder.path)).length === 0, END_MS, () => `alive: ${this.#alive().join(' ')}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.ended
    await this.#folder[Symbol.asyncDispose]()
  }

  #alive(): number[] {
    return this.pids.filter((pid) => {
      try {
        return process.kill(pid, 0)
      } catch {
        // No such process: that is what is asked.
        return false
      }
    })
  }
}
