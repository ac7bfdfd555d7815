/** `unstick demo`: an ordinary app on two replicas, with unstick and without, to click on or to be played once. */
import { UnstickError } from '../errors.ts'
import { findMissing } from './requirements.ts'
import { Stack } from './stack.ts'
import { playStory } from './story.ts'
import { superviseRestarts } from './supervision.ts'
import { brokenPromises } from './tally.ts'
import { conclusion, introduction, paintFor, storyTable } from './words.ts'

export interface DemoOptions {
  /** Play the story unattended and end, instead of staying up for a visitor. */
  readonly once: boolean
  /** The port of the address with unstick; the other address takes the next. */
  readonly port?: number
  /** Runs instead of unstick's own command line; for tests. */
  readonly cli?: string
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/**
 * Runs the demo until it is done or interrupted, and resolves to the exit code: 0 after Ctrl-C, or when the story of
 * `once` went as promised. Throws `config_invalid` for a port that is none. Nothing of it is left then, neither a process nor a file.
 */
export async function runDemo(options: DemoOptions): Promise<number> {
  if (options.port !== undefined && !(Number.isInteger(options.port) && options.port >= 0 && options.port <= 65_535)) {
    throw new UnstickError('config_invalid', '--port takes a port number, 0 to 65535; 0 is any free one.')
  }
  const interruption = new Interruption()
  try {
    findMissing()
    return await (options.once ? once(options, interruption) : stay(options, interruption))
  } catch (error) {
    // What an interruption broke off on its way is no failure of the demo.
    if (interruption.happened) return options.once ? 1 : 0
    if (!(error instanceof UnstickError)) throw error
    process.stderr.write(`unstick demo: ${error.message}\n`)
    return 1
  } finally {
    interruption.end()
  }
}

async function stay(options: DemoOptions, interruption: Interruption): Promise<number> {
  const paint = paintFor(process.stdout)
  const supervision = superviseRestarts((line) => say(`${paint('dim', new Date().toLocaleTimeString('en-GB'))} ${line}`))
  say(paint('dim', 'Starting two replicas and their sidecars ...'))
  const stack = await Stack.start({ port: options.port, events: supervision, ...cliOf(options) }, (made) => interruption.guard(made))
  try {
    if (!interruption.happened) say(introduction(stack.ports, stack.replicas, paint))
    await interruption.wait()
  } finally {
    supervision.stop()
    await stack.stop()
  }
  say('\nStopped; nothing is left behind.')
  return 0
}

async function once(options: DemoOptions, interruption: Interruption): Promise<number> {
  const paint = paintFor(process.stdout)
  say(paint('bold', 'unstick demo --once: one shop, two replicas, each with its own session files'))
  const died = () => undefined // The story itself kills, tells and restarts.
  const stack = await Stack.start({ port: 0, events: { died }, ...cliOf(options) }, (made) => interruption.guard(made))
  try {
    const story = await Promise.race([playStory(stack, (line) => say(`  ${line}`)), interruption.wait()])
    if (story === undefined) return 1
    say(storyTable(story, paint))
    const broken = brokenPromises(story.withUnstick, story.without)
    if (broken.length === 0) say(paint('green', conclusion(story)))
    for (const line of broken) process.stderr.write(`unstick demo: ${line}\n`)
    return broken.length === 0 ? 0 : 1
  } finally {
    await stack.stop()
  }
}

const cliOf = ({ cli }: DemoOptions): { cli?: string } => (cli === undefined ? {} : { cli })

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** npm passes a Ctrl-C on that the terminal has already sent: two so close together are one. */
const SAME_MS = 1_000

/** Signals that end the demo: the first one in order, a later one at once. Whatever else ends the process, children and files go first. */
class Interruption {
  #at: number | undefined
  #stack: Stack | undefined
  #resolve: () => void = () => undefined
  readonly #interrupted = new Promise<undefined>((resolve) => {
    this.#resolve = () => resolve(undefined)
  })

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#onSignal)
    process.on('exit', this.#onExit)
  }

  get happened(): boolean {
    return this.#at !== undefined
  }

  /** Takes care of `stack` from now on; one that is still starting is stopped by the signal itself. */
  guard(stack: Stack): void {
    this.#stack = stack
  }

  wait(): Promise<undefined> {
    return this.#interrupted
  }

  /** Signals mean what they meant before. */
  end(): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal)
    process.off('exit', this.#onExit)
  }

  readonly #onSignal = (): void => {
    if (this.#at === undefined) {
      this.#at = Date.now()
      // Also ends a start that is under way: its children go, and it fails.
      void this.#stack?.stop()
      this.#resolve()
    } else if (Date.now() - this.#at > SAME_MS) {
      this.#stack?.stopNow()
      process.exit(1)
    }
  }

  readonly #onExit = (): void => this.#stack?.stopNow()
}
