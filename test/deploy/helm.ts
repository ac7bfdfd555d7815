/** Helm on the chart, and Kubernetes' own schemas on what comes of it. */
import { execFile } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { toolEnvironment, toolPath } from '../../scripts/tools.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const run = promisify(execFile)

const ROOT = join(import.meta.dirname, '..', '..')
export const CHART = join(ROOT, 'helm', 'unstick')
/** A chart of somebody's own that has ours as a dependency. */
export const USER_CHART = join(ROOT, 'examples', 'helm')

export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> }
  readonly data?: Readonly<Record<string, string>>
  readonly spec?: Readonly<Record<string, unknown>>
}

/** What fails names itself on standard error. */
class HelmError extends Error {}

/** Standard output of helm; throws with what it wrote to standard error. It reads no configuration of the user's. */
async function helm(...args: readonly string[]): Promise<string> {
  await using home = await temporaryFolder()
  const env = { PATH: process.env['PATH'] ?? '', HOME: home.path, HELM_CONFIG_HOME: home.path, HELM_DATA_HOME: home.path, HELM_CACHE_HOME: home.path }
  try {
    return (await run(toolPath('helm'), args, { env, maxBuffer: 16 << 20 })).stdout
  } catch (error) {
    const { stderr, stdout, message } = error as { stderr?: string; stdout?: string; message: string }
    throw new HelmError(stderr === undefined ? message : `${stdout ?? ''}${stderr}`)
  }
}

export interface RenderOptions {
  readonly values?: string | undefined
  /** As after --set. */
  readonly set?: readonly string[]
  /** The cluster's version, such as `1.29`. */
  readonly kube?: string | undefined
}

/** What `helm template shop CHART` writes. */
export function render(chart: string, { values, set = [], kube = '1.35' }: RenderOptions = {}): Promise<string> {
  return helm('template', 'shop', chart, '--namespace', 'web', '--kube-version', `${kube}.0`, ...(values === undefined ? [] : ['--values', values]), ...set.flatMap((pair) => ['--set', pair]))
}

export function lint(chart: string, values: string): Promise<string> {
  return helm('lint', '--strict', chart, '--values', values)
}

/** The user's chart in `folder`, with its dependency as `helm dependency build` would lay it. */
export async function userChart(folder: string): Promise<string> {
  await cp(USER_CHART, folder, { recursive: true })
  await cp(CHART, join(folder, 'charts', 'unstick'), { recursive: true })
  return folder
}

export function manifests(rendered: string): Manifest[] {
  return parseAllDocuments(rendered).map((document) => document.toJS() as Manifest | null).filter((manifest) => manifest !== null)
}

export function only(rendered: string, kind: string): Manifest {
  const found = manifests(rendered).filter((manifest) => manifest.kind === kind)
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} of kind ${kind} in\n${rendered}`)
  return found[0]
}

/** What Kubernetes' schemas of that version find wrong, unknown fields included; undefined: nothing. Other people's kinds are left out. */
export async function flaws(rendered: string, kube: string): Promise<string | undefined> {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'rendered.yaml')
  const own = manifests(rendered).filter(({ apiVersion }) => !apiVersion.startsWith('monitoring.coreos.com/'))
  await writeFile(file, own.map((manifest) => JSON.stringify(manifest)).join('\n---\n'))
  try {
    await run('/usr/bin/python3', [toolPath('kubernetesValidate'), '--strict', '--quiet', '-k', kube, file], { env: { ...process.env, ...toolEnvironment('kubernetesValidate') } })
    return undefined
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return stdout + stderr === '' ? String(error) : stdout + stderr
  }
}
