/**
 * `npm run fuzz`: the property tests with as many cases as are asked for, in a heap that does not grow with them. Arguments that are no options
 * go to vitest, as names of test files. Exits with 0 when nothing was found, with 2 when it was called wrongly.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const ROOT = resolve(import.meta.dirname, '..', '..')
/** A parser that keeps something of each case runs out of it long before a million. */
const HEAP_MB = 256
const USAGE = `npm run fuzz -- [options] [test files]
  --cases N    cases for each property of a parser (1000000); whole sessions, stores and configurations get the hundredth
  --seed S     the same cases again
`

function options(): { cases: number; seed: number; files: readonly string[] } | undefined {
  try {
    const text = { type: 'string' } as const
    const { values, positionals } = parseArgs({ args: process.argv.slice(2), options: { cases: text, seed: text }, allowPositionals: true })
    const [cases, seed] = [Number(values.cases ?? 1_000_000), Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))]
    if (!Number.isInteger(cases) || cases < 1 || !Number.isInteger(seed)) throw new Error('--cases and --seed are whole numbers')
    return { cases, seed, files: positionals }
  } catch (error) {
    process.stderr.write(`fuzz: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return undefined
  }
}

function fuzz({ cases, seed, files }: NonNullable<ReturnType<typeof options>>): number {
  process.stdout.write(`fuzz: ${cases} cases for each parser, seed ${seed}, ${HEAP_MB} MB of heap\n`)
  const { status } = spawnSync(join(ROOT, 'node_modules', '.bin', 'vitest'), ['run', '--project', 'property', '--reporter=verbose', ...files], {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env, FUZZ_CASES: String(cases), FUZZ_SEED: String(seed), NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
      PATH: `${join(ROOT, 'node_modules', '.bin')}:${process.env['PATH'] ?? ''}`,
    },
  })
  if (status !== 0) process.stdout.write(`fuzz: found something. Again: npm run fuzz -- --cases ${cases} --seed ${seed}\n`)
  return status ?? 1
}

const given = options()
process.exitCode = given === undefined ? 2 : fuzz(given)
