/** One measurement: load from wrk, processor time of the one under test. Everything relative: these machines are not alike. */
import { spawnSync } from 'node:child_process'
import { cpuMicros } from './processes.ts'

export interface Measured {
  readonly requests: number
  readonly perSecond: number
  readonly cpuMicrosPerRequest: number
  readonly p50Micros: number
  readonly p99Micros: number
}

export interface Load {
  readonly url: string
  readonly headers?: Record<string, string>
  /** Whose processor time counts. */
  readonly pid: number
  readonly seconds: number
  readonly connections: number
}

export function measure(load: Load): Measured {
  const before = cpuMicros(load.pid)
  const output = wrk(load)
  const cpu = cpuMicros(load.pid) - before
  const requests = Number(/(\d+) requests in/.exec(output)?.[1])
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(output)?.[1]
  if (bad !== undefined) throw new Error(`${bad} answers of ${load.url} were errors`)
  if (!(requests > 0)) throw new Error(`no answers from ${load.url}:\n${output}`)
  return {
    requests,
    perSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(output)?.[1]),
    cpuMicrosPerRequest: cpu / requests,
    p50Micros: latency(output, '50%'),
    p99Micros: latency(output, '99%'),
  }
}

function wrk({ url, headers = {}, seconds, connections }: Load): string {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`]), url]
  const { stdout, error } = spawnSync('wrk', args, { encoding: 'utf8' })
  if (error !== undefined) throw new Error('wrk is missing: apt-get install wrk', { cause: error })
  return stdout
}

function latency(output: string, percentile: string): number {
  const found = new RegExp(`${percentile}\\s+([\\d.]+)(us|ms|s)`).exec(output)
  const unit = { us: 1, ms: 1_000, s: 1_000_000 }[found?.[2] ?? ''] ?? Number.NaN
  return Number(found?.[1]) * unit
}

/** The middle one by processor time per request. */
export function median(measured: readonly Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.cpuMicrosPerRequest - b.cpuMicrosPerRequest)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('nothing was measured')
  return middle
}
