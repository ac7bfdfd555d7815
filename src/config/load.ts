/** Finds, reads and checks the configuration. The only place that reads the environment. */
import { readFileSync } from 'node:fs'
import type { Config } from './config.ts'
import { crossCheck } from './cross-check.ts'
import { readDocument, type Source, type Value } from './document.ts'
import { reasonOf, type Sources } from './expand.ts'
import { lookUp, problemsOf, type Places } from './issues.ts'
import { ConfigError, formatPath, type Path, type Problem } from './problem.ts'
import { applyPreset, toConfig } from './resolve.ts'
import { schema, type Settings } from './schema.ts'
import { mayHoldSecret } from './secret-keys.ts'

/** Where a configuration is looked for when none is named, in this order. */
export const LOOKUP = ['./unstick.yaml', '/etc/unstick/unstick.yaml'] as const

/** Flags, which replace the key of their name. Undefined ones count as not given. */
export interface Overrides {
  readonly listen?: string | undefined
  readonly upstream?: string | undefined
  readonly store?: string | undefined
  readonly app?: string | undefined
  /** `admin.listen`. */
  readonly admin?: string | undefined
}

const FLAGS = ['listen', 'upstream', 'store', 'app'] as const

export interface LoadOptions {
  /** As given with -c: it has to exist. */
  readonly file?: string | undefined
  readonly overrides?: Overrides
  /** Only the store and its secrets are wanted: neither an app nor how it keeps its sessions has to be named. */
  readonly storeOnly?: boolean
  readonly env?: Readonly<Record<string, string | undefined>>
  /** For tests; throws as `readFileSync` does. */
  readonly readFile?: (path: string) => string
}

export interface Examined {
  /** undefined when there are problems. */
  readonly config: Config | undefined
  /** Every problem, in the order of the file; those of flags and of the environment come first. */
  readonly problems: readonly Problem[]
  /** The file that was read, if any. */
  readonly file: string | undefined
}

type Values = { [key: string]: Value }

/** Environment variables that stand in for a key that nobody wrote. */
const FROM_ENV: readonly { variable: string; path: readonly [string, ...string[]] }[] = [
  { variable: 'UNSTICK_SECRET', path: ['secret'] },
  { variable: 'UNSTICK_ADMIN_TOKEN', path: ['admin', 'token'] },
]

/** The configuration; throws `ConfigError` (`config_invalid`) with every problem when it cannot be used. */
export function loadConfig(options: LoadOptions = {}): { config: Config; problems: readonly Problem[]; file: string | undefined } {
  const { config, problems, file } = examineConfig(options)
  if (config === undefined) throw new ConfigError(problems)
  return { config, problems, file }
}

/** Like `loadConfig`, but hands out the problems instead of throwing. */
export function examineConfig({ file, overrides = {}, storeOnly = false, env = process.env, readFile = (path) => readFileSync(path, 'utf8') }: LoadOptions = {}): Examined {
  const sources: Sources = { env, readFile }
  const flags = new Map<string, string>()
  for (const name of FLAGS) if (overrides[name] !== undefined) flags.set(name, overrides[name])
  const found = findFile(file, readFile)
  if ('problem' in found) return { config: undefined, problems: [found.problem], file }
  const source = found.text === undefined ? undefined : readDocument(found.name, found.text, sources, new Set(flags.keys()))
  if (source === undefined && !storeOnly) {
    const missing = missingFlags(flags)
    if (missing.length > 0) return { config: undefined, problems: missing, file: undefined }
  }
  const written = { ...source?.values, ...Object.fromEntries(flags) }
  if (overrides.admin !== undefined) addAdmin(written, overrides.admin, flags)
  const fromEnv = addFromEnv(written, env, source)
  const places = placesIn(found.name, source, flags, fromEnv)
  const problems: Problem[] = [...(source?.problems ?? [])]
  // Nothing can be said of the keys of a file that is not YAML.
  if (source === undefined || !problems.some(({ key }) => key === 'syntax')) problems.push(...checkValues(written, source, places, storeOnly))
  if (problems.length > 0) return { config: undefined, problems: inOrder(problems), file: source && found.name }
  return { config: toConfig(schema.parse(applyPreset(written))), problems, file: source && found.name }
}

function findFile(file: string | undefined, readFile: (path: string) => string): { name: string; text: string | undefined } | { problem: Problem } {
  for (const path of file === undefined ? LOOKUP : [file]) {
    const name = path.replace(/^\.\//, '')
    try {
      return { name, text: readFile(path) }
    } catch (error) {
      const reason = reasonOf(error)
      // One of the usual places may well be empty; one that is there but cannot be read is no such case.
      if (file === undefined && reason === 'no such file') continue
      return { problem: { where: name, key: '', message: `cannot be read (${reason})` } }
    }
  }
  return { name: '', text: undefined }
}

/** --admin stands for a key within a map. */
function addAdmin(written: Values, listen: string, flags: Map<string, string>): void {
  const { admin } = written
  written.admin = { ...(typeof admin === 'object' && !Array.isArray(admin) ? admin : {}), listen }
  flags.set('admin.listen', listen)
}

function missingFlags(flags: ReadonlyMap<string, string>): Problem[] {
  const where = `neither ${LOOKUP.join(' nor ')} exists`
  const problems: Problem[] = []
  if (!flags.has('upstream')) problems.push({ where: '--upstream', key: '', message: `is missing, and ${where}: say where the app is, or name a file with -c` })
  if (!flags.has('app')) problems.push({ where: '--app', key: '', message: `is missing, and ${where}: name a preset, or name a file with -c` })
  return problems
}

/** Adds to `values`, in place, what the environment says and nobody wrote; tells which keys that were. */
function addFromEnv(values: Values, env: LoadOptions['env'], source: Source | undefined): Map<string, string> {
  const added = new Map<string, string>()
  for (const { variable, path } of FROM_ENV) {
    const value = env?.[variable]
    if (value === undefined || value === '' || source?.flawed(path) === true) continue
    const [first, second] = path
    if (second === undefined) {
      if (Object.hasOwn(values, first)) continue
      values[first] = value
    } else {
      const map = values[first] ?? {}
      if (typeof map !== 'object' || Array.isArray(map) || Object.hasOwn(map, second)) continue
      values[first] = { ...map, [second]: value }
    }
    added.set(formatPath(path), variable)
  }
  return added
}

function placesIn(file: string, source: Source | undefined, flags: ReadonlyMap<string, string>, fromEnv: ReadonlyMap<string, string>): Places {
  const locate = (path: Path, place: Source['place'] | undefined) => {
    const top = String(path[0])
    const key = formatPath(path)
    if (flags.has(top)) return { where: `--${top}`, key: '' }
    if (flags.has(key)) return { where: '--admin', key: '' }
    const variable = fromEnv.get(key)
    if (variable !== undefined) return { where: variable, key: '' }
    if (place === undefined) return { where: 'configuration', key }
    const { line, col } = place(path)
    return { where: `${file}:${line}:${col}`, key }
  }
  return {
    locate: (path) => locate(path, source?.place),
    locateKey: (path) => locate(path, source?.keyPlace),
    mayShow: (path) => !mayHoldSecret(path) && source?.filled(path) !== true,
  }
}

function checkValues(written: Values, source: Source | undefined, places: Places, storeOnly: boolean): Problem[] {
  const problems: Problem[] = []
  const flawed = (path: Path): boolean => source?.flawed(path) === true
  let values = applyPreset(written)
  let settings: Settings | undefined
  const wrongPaths: string[] = []
  // Each round takes out what the one before found wrong, so that the rest can be checked together all the same.
  for (let round = 0; settings === undefined && round < 4; round += 1) {
    const parsed = schema.safeParse(values)
    if (parsed.success) settings = parsed.data
    else {
      const isReported = (issue: (typeof parsed.error.issues)[number]): boolean => flawed(lookUp(values, issue.path as Path).path)
      if (round === 0) problems.push(...parsed.error.issues.filter((issue) => !isReported(issue)).flatMap((issue) => problemsOf(issue, values, places)))
      wrongPaths.push(...parsed.error.issues.map((issue) => JSON.stringify(lookUp(values, issue.path as Path).path)))
      values = prune(values, parsed.error.issues)
    }
  }
  if (settings === undefined) return problems
  // A secret with a problem of its own is there, and its problem is told already.
  const secret = lookUp(written, ['secret']).value
  const secretGiven = flawed(['secret']) || (Array.isArray(secret) ? secret.length > 0 : secret !== undefined)
  for (const { at, message } of crossCheck(settings, { secretGiven })) {
    // At odds with a default that only stands in for a wrong value: nobody wrote that.
    if (at.some((path) => flawed(path) || wrongPaths.includes(JSON.stringify(path)))) continue
    const path = at.find((candidate) => lookUp(written, candidate).value !== undefined) ?? at[0] ?? []
    problems.push({ ...places.locate(path), message })
  }
  if (!storeOnly && !Object.hasOwn(written, 'app') && !Object.hasOwn(written, 'carriers') && !flawed(['app'])) {
    problems.push({ ...places.locate([]), key: 'carriers', message: 'there is nothing to carry: name a preset with app, or say in carriers how the app keeps its sessions' })
  }
  return problems
}

/** `values` without what the issues are about; of a list with a bad item nothing is left, since its indexes would shift. */
function prune(values: Values, issues: readonly { path: PropertyKey[]; code: string; keys?: string[] }[]): Values {
  const copy = structuredClone(values)
  for (const issue of issues) {
    const steps = issue.path.map((step) => (typeof step === 'number' ? undefined : String(step)))
    const end = steps.indexOf(undefined)
    const map = (end === -1 ? steps : steps.slice(0, end)).filter((step) => step !== undefined)
    for (const path of end === -1 && issue.keys !== undefined ? issue.keys.map((key) => [...map, key]) : [map]) remove(copy, path)
  }
  return copy
}

function remove(values: Values, path: readonly string[]): void {
  let map: Value | undefined = values
  for (const step of path.slice(0, -1)) map = typeof map === 'object' && !Array.isArray(map) ? map[step] : undefined
  const last = path.at(-1)
  if (last !== undefined && typeof map === 'object' && !Array.isArray(map)) delete map[last]
}

/** Flags and environment first, then by line and column. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const rank = ({ where }: Problem): readonly [number, number] => {
    const match = /:(\d+):(\d+)$/.exec(where)
    return match === null ? [0, 0] : [Number(match[1]), Number(match[2])]
  }
  return problems.toSorted((a, b) => rank(a)[0] - rank(b)[0] || rank(a)[1] - rank(b)[1])
}
