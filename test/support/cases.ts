/**
 * How many cases a property is tried with: thousands in `npm test`, and as many as are asked for by `npm run fuzz -- --cases N --seed S`, which
 * sets these two variables. A failure prints the seed and the path that replay it.
 */
const asked = process.env['FUZZ_CASES']
const seed = process.env['FUZZ_SEED']

interface Cases {
  readonly numRuns: number
  readonly seed?: number
}

const cases = (numRuns: number): Cases => ({ numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) })

/** For a parser, which takes microseconds. `usual`: without the knob. */
export const parserCases = (usual = 1_000): Cases => cases(asked === undefined ? usual : Number(asked))

/** For whole sessions, stores and configurations, which take up to milliseconds: a hundredth of what parsers get, and never less than usual. */
export const sessionCases = (usual: number): Cases => cases(asked === undefined ? usual : Math.max(usual, Math.ceil(Number(asked) / 100)))
