/**
 * What `npm test` runs: installs missing servers, checks types and style, runs every test, and says how it went. Arguments go
 * to vitest: `npm test -- --project unit`. The last line is `N passed, N failed, N skipped`; with CI=true a skipped test fails the run.
 *
 * The tests, and every process that they start, run on the Node that the repository pins. UNSTICK_TEST_NODE=/path/to/node puts another in its place.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative, resolve, sep } from 'node:path'
import { installServers } from './install-servers.ts'

const ROOT = resolve(import.meta.dirname, '..')

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[]
  }[]
}

interface Counts {
  passed: number
  failed: number
  skipped: number
}

interface Outcome {
  /** By the folders of `test/`, which are vitest's projects. */
  readonly projects: ReadonlyMap<string, Counts>
  readonly failures: readonly string[]
  readonly skips: readonly string[]
  /** Vitest itself is content: false also when something outside of a test went wrong. */
  readonly clean: boolean
}

function main(): void {
  const args = process.argv.slice(2)
  const ci = process.env['CI'] === 'true'
  installServers()
  const checked = timed('check', () => run('npm', ['run', '-s', 'check']))
  const tests = timed('tests', () => runTests(args))
  const total = sum(tests.value.projects.values())

  print('')
  print(`check        ${checked.value ? 'passed' : 'FAILED'} in ${checked.seconds} s`)
  for (const [name, counts] of tests.value.projects) print(`${name.padEnd(12)} ${format(counts)}`)
  print(`tests took ${tests.seconds} s`)
  list('failed', tests.value.failures)
  // Where a filter was given, most are skipped because it was.
  if (args.length === 0) list('skipped', tests.value.skips)
  const skipFails = ci && total.skipped > 0 && args.length === 0
  if (skipFails) print('skipped tests fail the run, as CI=true')
  if (!tests.value.clean && total.failed === 0) print('vitest found errors outside of the tests: see above')
  print(format(total))
  process.exitCode = checked.value && tests.value.clean && total.failed === 0 && total.passed > 0 && !skipFails ? 0 : 1
}

function runTests(args: readonly string[]): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'unstick-test-'))
  const file = join(folder, 'report.json')
  try {
    const clean = run('vitest', ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`, ...args], nodeUnderTest(folder))
    // A vitest that came to no report has failed as a whole.
    const report = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Report) : { testResults: [] }
    return { ...tally(report), clean }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A folder for the PATH that has the Node under test as `node`; undefined: the pinned one, which npm has put there. */
function nodeUnderTest(folder: string): string | undefined {
  const node = process.env['UNSTICK_TEST_NODE']
  if (node === undefined || node === '') return undefined
  const { stdout, error } = spawnSync(node, ['--version'], { encoding: 'utf8' })
  if (error !== undefined) throw new Error(`UNSTICK_TEST_NODE=${node} cannot be run: ${error.message}. It takes the whole path of a node.`)
  print(`on ${node}, ${stdout.trim()}`)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  symlinkSync(resolve(node), join(bin, 'node'))
  return bin
}

function tally(report: Report): Omit<Outcome, 'clean'> {
  const projects = new Map<string, Counts>()
  const failures: string[] = []
  const skips: string[] = []
  for (const { name, status, assertionResults } of report.testResults) {
    const path = relative(ROOT, name)
    const project = path.split(sep)[1] ?? path
    const counts = projects.get(project) ?? { passed: 0, failed: 0, skipped: 0 }
    projects.set(project, counts)
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed += 1
      else if (test.status === 'failed') {
        counts.failed += 1
        failures.push(`${path}: ${test.fullName}`)
      } else {
        counts.skipped += 1
        skips.push(`${path}: ${test.fullName}`)
      }
    }
    // A file that could not be loaded has no tests to show for it, and counts as one.
    if (status === 'failed' && !assertionResults.some((test) => test.status === 'failed')) {
      counts.failed += 1
      failures.push(`${path}: the file as a whole`)
    }
  }
  return { projects: new Map([...projects].sort(([a], [b]) => a.localeCompare(b))), failures, skips }
}

function sum(all: Iterable<Counts>): Counts {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const { passed, failed, skipped } of all) {
    total.passed += passed
    total.failed += failed
    total.skipped += skipped
  }
  return total
}

function format({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`
}

function list(title: string, lines: readonly string[]): void {
  for (const line of lines) print(`${title}: ${line}`)
}

/** Runs a command of this project, its output going where ours goes. `first`: a folder to look in before all others. */
function run(command: string, args: readonly string[], first?: string): boolean {
  const path = [...(first === undefined ? [] : [first]), join(ROOT, 'node_modules', '.bin'), process.env['PATH'] ?? ''].join(delimiter)
  const { status, error } = spawnSync(command, args, { cwd: ROOT, stdio: 'inherit', env: { ...process.env, PATH: path } })
  if (error !== undefined) print(`${command} could not be run: ${error.message}`)
  return status === 0
}

function timed<T>(name: string, work: () => T): { value: T; seconds: string } {
  print(`\n${name}`)
  const started = performance.now()
  const value = work()
  return { value, seconds: ((performance.now() - started) / 1000).toFixed(1) }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main()
