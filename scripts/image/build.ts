/** Carries out the steps of a Dockerfile in folders, one for each stage, with the files that .dockerignore lets through. */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, posix, relative } from 'node:path'
import { baseCommands, buildEnvironment, emptyRoot, npmArguments, rootArguments, STANDS_FOR } from './base.ts'
import { readDockerfile, type ImageConfig, type Stage, type Step } from './dockerfile.ts'

export interface Image {
  /** The tree of the last stage. */
  readonly root: string
  /** Where node and npm stand in for the base image's. */
  readonly commands: string
  readonly config: ImageConfig
  readonly environment: Readonly<Record<string, string>>
  readonly workdir: string
}

/** Builds the Dockerfile of `context` in `folder`, an empty one. Throws with the step that failed and what it wrote. */
export function buildImage(context: string, folder: string): Image {
  const { stages, config } = readDockerfile(join(context, 'Dockerfile'))
  const commands = join(folder, 'commands')
  baseCommands(commands)
  const build = new Build(context, folder, commands)
  for (const stage of stages) build.carryOut(stage)
  const last = stages.at(-1)
  if (last === undefined) throw new Error('the Dockerfile has no FROM')
  return { root: join(folder, last.name), commands, config, environment: build.environment, workdir: build.workdir }
}

class Build {
  readonly #context: string
  readonly #folder: string
  readonly #commands: string
  readonly #ignored: (path: string) => boolean
  environment: Record<string, string> = {}
  workdir = '/'

  constructor(context: string, folder: string, commands: string) {
    this.#context = context
    this.#folder = folder
    this.#commands = commands
    this.#ignored = dockerIgnore(join(context, '.dockerignore'))
  }

  carryOut({ name, base, steps }: Stage): void {
    if (!STANDS_FOR.test(base)) throw new Error(`FROM ${base}: this machine cannot stand in for that`)
    const root = join(this.#folder, name)
    emptyRoot(root)
    this.environment = {}
    this.workdir = '/'
    for (const step of steps) this.#step(root, step)
  }

  #step(root: string, step: Step): void {
    switch (step.kind) {
      case 'env':
        this.environment[step.name] = step.value
        break
      case 'workdir':
        this.workdir = posix.resolve(this.workdir, step.path)
        mkdirSync(join(root, this.workdir), { recursive: true })
        break
      case 'copy':
        for (const source of step.sources) this.#copy(root, step, source)
        break
      case 'run':
        this.#run(root, step.command)
    }
  }

  /** A folder's contents, or a file into the folder or under the name that is given. */
  #copy(root: string, { from, destination, sources }: Extract<Step, { kind: 'copy' }>, source: string): void {
    const origin = join(from === undefined ? this.#context : join(this.#folder, from), source)
    if (!existsSync(origin)) throw new Error(`COPY ${source}: there is no such file`)
    if (from === undefined && this.#ignored(source)) throw new Error(`COPY ${source}: .dockerignore keeps it out`)
    const intoFolder = destination.endsWith('/') || sources.length > 1
    const target = join(root, posix.resolve(this.workdir, destination), intoFolder && statSync(origin).isFile() ? basename(source) : '')
    cpSync(origin, target, { recursive: true, verbatimSymlinks: true, filter: (path) => from !== undefined || !this.#ignored(relative(this.#context, path)) })
  }

  #run(root: string, command: string): void {
    const environment = { ...buildEnvironment(), ...this.environment }
    const { status, stdout, stderr } = spawnSync('bwrap', [...rootArguments(root, this.#commands, 'writable'), ...npmArguments(), '--chdir', this.workdir, '/bin/sh', '-c', command], { env: environment, encoding: 'utf8' })
    if (status !== 0) throw new Error(`RUN ${command}: exit code ${status}\n${stdout}${stderr}`)
  }
}

/** The rules of a .dockerignore, as far as ours uses them: `*`, and whole paths with `!`. The last that fits decides. */
function dockerIgnore(file: string): (path: string) => boolean {
  const rules = readFileSync(file, 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  for (const rule of rules) if (rule !== '*' && !/^![\w./-]+$/.test(rule)) throw new Error(`.dockerignore: ${rule} is not rehearsed yet`)
  return (path) => !rules.some((rule) => path === rule.slice(1) || path.startsWith(`${rule.slice(1)}/`))
}
