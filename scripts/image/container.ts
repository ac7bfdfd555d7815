/** Runs a rehearsed image as a container engine would with `--read-only --cap-drop ALL`: as the image's user, with its process as process 1. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { chownSync, cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { BASE_PATH, rootArguments } from './base.ts'
import type { Image } from './build.ts'

export interface RunOptions {
  /** In place of the image's CMD. */
  readonly command?: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  /** Files and folders of this machine, by the path that they have inside. They are writable where the image's user may write. */
  readonly mounts?: Readonly<Record<string, string>>
}

export interface Finished {
  readonly code: number | null
  readonly output: string
}

export class Container {
  readonly #image: Image
  readonly #options: RunOptions
  readonly #volumes: readonly string[]
  readonly #child: ChildProcess
  readonly #finished: Promise<Finished>
  /** Process 1, by the number that it has outside. */
  readonly #init: Promise<number>
  #output = ''

  /** Starts it; its volumes are in `folder`, an empty one, and belong to the image's user as the image says. */
  constructor(image: Image, folder: string, options: RunOptions = {}) {
    this.#image = image
    this.#options = options
    this.#volumes = image.config.volumes.flatMap((path, index) => ['--bind', volume(image, path, join(folder, String(index))), path])
    const process = [...image.config.entrypoint, ...(options.command ?? image.config.command)]
    this.#child = spawn('bwrap', this.#arguments(['--as-pid-1', '--info-fd', '3'], process), { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.setEncoding('utf8').on('data', (text: string) => { this.#output += text })
    this.#init = initOf(this.#child.stdio[3] as Readable)
    this.#finished = new Promise((resolve, reject) => {
      this.#child.on('error', reject).on('close', (code) => resolve({ code, output: this.#output }))
    })
  }

  output(): string {
    return this.#output
  }

  finished(): Promise<Finished> {
    return this.#finished
  }

  /** What the image's HEALTHCHECK says. */
  health(): Finished {
    const { status, stdout, stderr } = spawnSync('bwrap', this.#arguments([], this.#image.config.healthcheck), { encoding: 'utf8' })
    return { code: status, output: stdout + stderr }
  }

  /** SIGTERM to process 1, as an engine stops a container, and SIGKILL 20 s later. */
  async stop(): Promise<Finished> {
    process.kill(await this.#init, 'SIGTERM')
    const late = setTimeout(() => { this.#child.kill('SIGKILL') }, 20_000)
    const finished = await this.#finished
    clearTimeout(late)
    return finished
  }

  #arguments(extra: readonly string[], command: readonly string[]): string[] {
    const { root, commands, config, environment, workdir } = this.#image
    const { uid, gid } = config.user
    const given: Record<string, string> = { PATH: BASE_PATH, HOME: '/home/node', ...environment, ...this.#options.environment }
    return [
      ...rootArguments(root, commands, 'read-only'), ...this.#volumes,
      ...Object.entries(this.#options.mounts ?? {}).flatMap(([inside, outside]) => ['--bind', outside, inside]),
      '--unshare-pid', '--unshare-ipc', '--unshare-uts', ...extra, '--clearenv',
      ...Object.entries(given).flatMap(([name, value]) => ['--setenv', name, value]),
      '--chdir', workdir,
      '/usr/bin/setpriv', '--pdeathsig', 'KILL', '--reuid', String(uid), '--regid', String(gid), '--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all',
      ...command,
    ]
  }
}

/** As an engine fills a new volume: with what the image has at its place, and whose it is. */
function volume(image: Image, path: string, folder: string): string {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  cpSync(join(image.root, path), folder, { recursive: true })
  const { status } = spawnSync('chown', ['--reference', join(image.root, path), folder])
  if (status !== 0) chownSync(folder, image.config.user.uid, image.config.user.gid)
  return folder
}

/** bubblewrap says on a descriptor of its own which process it made the first. */
function initOf(info: Readable): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    info.setEncoding('utf8').on('data', (part: string) => { text += part }).on('error', reject).on('end', () => {
      const pid = /"child-pid":\s*(\d+)/.exec(text)?.[1]
      if (pid === undefined) reject(new Error(`bwrap did not start: ${text}`))
      else resolve(Number(pid))
    })
  })
}
