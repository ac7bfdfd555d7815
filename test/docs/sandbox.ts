/** Runs the commands of a page, one block after the other, in a folder that looks like a clone and takes what they write. */
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { PYTHON } from '../../scripts/servers.ts'
import { httpApp } from '../support/origin-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import type { Block } from './page.ts'
import { ROOT } from './pages.ts'
import type { Ports } from './ports.ts'

const READY_MS = 30_000
/** The longest of them plays the demo. */
const BLOCK_MS = 60_000
/** For what a page has stopped to be gone. */
const END_MS = 15_000

interface Shell {
  readonly pid: number
  readonly ended: Promise<number | null>
}

export class Sandbox implements AsyncDisposable {
  readonly #folder: TemporaryFolder
  readonly #ports: Ports
  readonly #shells: Shell[] = []
  readonly #apps: AsyncDisposable[] = []
  /** Where the next block starts. */
  #cwd: string
  /** What the page has written to files. */
  #files = ''

  private constructor(folder: TemporaryFolder, ports: Ports) {
    this.#folder = folder
    this.#cwd = folder.path
    this.#ports = ports
  }

  static async make(ports: Ports): Promise<Sandbox> {
    const folder = await temporaryFolder()
    for (const name of readdirSync(ROOT)) {
      if (name !== '.git' && name !== 'scripts' && name !== 'bin' && name !== 'package.json') symlinkSync(join(ROOT, name), join(folder.path, name))
    }
    copyFileSync(join(ROOT, 'package.json'), join(folder.path, 'package.json'))
    // What finds its clone by its own path is copied, to find this one.
    cpSync(join(ROOT, 'bin'), join(folder.path, 'bin'), { recursive: true })
    mkdirSync(join(folder.path, 'scripts'))
    for (const name of readdirSync(join(ROOT, 'scripts'))) if (name !== 'install.sh') symlinkSync(join(ROOT, 'scripts', name), join(folder.path, 'scripts', name))
    // Installing is not the page's business, and would change what other tests are running on.
    writeFileSync(join(folder.path, 'scripts/install.sh'), 'exit 0\n')
    // As installed from npm: `unstick` and, by way of the prefix, `npx unstick`.
    mkdirSync(join(folder.path, '.prefix/bin'), { recursive: true })
    writeFileSync(join(folder.path, '.prefix/bin/unstick'), `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'src/cli.ts')} "$@"\n`, { mode: 0o755 })
    // The interpreter that Debian's packages belong to, whatever else is on the PATH.
    symlinkSync(PYTHON, join(folder.path, '.prefix/bin/python3'))
    writeFileSync(join(folder.path, '.environment'), '')
    return new Sandbox(folder, ports)
  }

  /** Writes a block to the file that it shows. */
  write(name: string, text: string): void {
    const written = this.#ports(text)
    this.#files += written
    writeFileSync(join(this.#cwd, name), written)
  }

  /** Starts a sidecar in the folder, before an app that has one visitor, alice. */
  async #sidecar(): Promise<void> {
    const app = await httpApp((_, response) => { response.setHeader('X-Session-Set', 'page=1').setHeader('X-Session-Subject', 'alice').end() })
    this.#apps.push(app)
    if (this.#files === '') this.write('unstick.yaml', 'listen: 127.0.0.1:8080\ncarriers: { headers: { receive: X-Session } }\nadmin: { listen: 127.0.0.1:9090 }\n')
    const text = `unstick run -c unstick.yaml --upstream http://127.0.0.1:${(app.address as { port: number }).port}\n`
    await this.run({ line: 0, language: 'sh', text, marker: { kind: 'ready when', text: 'unstick is ready', stops: false }, way: undefined, flaw: undefined })
    await fetch(this.#ports('http://127.0.0.1:8080/'))
  }

  /** Runs a block of shell commands. Throws, with what they printed, unless all of them succeed and what was to be ready is. */
  async run({ text, marker }: Block, endMs = END_MS): Promise<void> {
    if (marker?.kind === 'beside a sidecar') await this.#sidecar()
    const name = `.block-${this.#shells.length}`
    const path = (file: string): string => join(this.#folder.path, file)
    const commands = withOwnPorts(this.#ports(text), this.#files, this.#ports)
    writeFileSync(path(name), `. ${path('.environment')}\ncd '${this.#cwd}'\n${commands}\nexport -p > ${path('.environment')}\npwd > ${path('.cwd')}\n`)
    const child = spawn('/bin/sh', ['-c', `exec sh -eu ${path(name)} > ${path(name)}.log 2>&1`], {
      cwd: this.#cwd, detached: true, stdio: 'ignore',
      env: { ...process.env, PATH: [path('.prefix/bin'), join(ROOT, 'node_modules/.bin'), '/usr/sbin', process.env['PATH']].join(delimiter), npm_config_prefix: path('.prefix'), TMPDIR: this.#folder.path },
    })
    let code: number | null | undefined
    const ended = new Promise<number | null>((resolve) => { child.on('close', (exit) => { code = exit; resolve(exit) }) })
    const shell: Shell = { pid: child.pid ?? 0, ended }
    this.#shells.push(shell)
    const printed = (): string => readFileSync(path(`${name}.log`), 'utf8')
    const failed = (): boolean => code !== undefined && code !== 0
    if (marker?.kind === 'ready when') {
      const ready = async (): Promise<boolean> => (marker.text === undefined ? (await fetch(this.#ports(marker.url ?? ''))).ok : printed().includes(marker.text))
      await until(`${marker.url ?? marker.text} after\n${commands}`, async () => failed() || (await ready()), READY_MS, printed)
    } else {
      await until(`the end of\n${commands}\n(what goes on takes <!-- docs: ready when … -->)`, () => code !== undefined, BLOCK_MS, printed)
    }
    if (failed()) throw new Error(`ended with ${code}:\n${commands}\n${printed()}`)
    if (code === 0) this.#cwd = readFileSync(path('.cwd'), 'utf8').trim()
    if (marker?.kind === 'ends all') await until(`nothing runs any more after\n${commands}`, () => !this.#shells.some(({ pid: group }) => runs(group)), endMs, printed)
    if (marker?.kind === 'ready when' && marker.stops) await stop(shell)
  }

  /** Ends what still runs, and takes the folder away. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#shells.map(stop))
    for (const app of this.#apps) await app[Symbol.asyncDispose]()
    await this.#folder[Symbol.asyncDispose]()
  }
}

/** Sidecars that take the ports of their defaults take free ones instead. */
function withOwnPorts(commands: string, files: string, ports: Ports): string {
  return commands.replaceAll(/\\\n\s*/g, ' ').replaceAll(/^(.*\bunstick\b(?: --)? run\b[^&|>#\n]*?)(?=\s*(?:[&|>#].*)?$)/gm, (command) => {
    const said = (key: string): boolean => command.includes(`--${key}`) || (/ -c | --config /.test(command) && new RegExp(`^${key}:`, 'm').test(files))
    return command + (said('listen') ? '' : ports(' --listen 127.0.0.1:8080')) + (said('admin') ? '' : ports(' --admin 127.0.0.1:9090'))
  })
}

/** Ends a block's commands and all that they have started. */
async function stop({ pid, ended }: Shell): Promise<void> {
  signalGroup(pid, 'SIGTERM')
  await until('its processes are gone', () => !runs(pid), 10_000).catch(() => { signalGroup(pid, 'SIGKILL') })
  await ended
}

/** Whether a process of the group runs; one that has ended and was not asked how counts for nothing. */
function runs(group: number): boolean {
  const { stdout } = spawnSync('ps', ['-e', '-o', 'pgid=,stat='], { encoding: 'utf8' })
  return stdout.split('\n').some((line) => new RegExp(`^\\s*${group}\\s+[^Z]`).test(line))
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal)
  } catch (error) {
    // All of them are gone already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
