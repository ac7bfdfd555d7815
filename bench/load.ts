/** One measurement: load from wrk or autocannon, processor time of the one under test. Everything relative: these machines are not alike. */
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
  const sent = send(load)
  const cpu = cpuMicros(load.pid) - before
  if (sent.bad > 0) throw new Error(`${sent.bad} answers of ${load.url} were errors`)
  if (!(sent.requests > 0)) throw new Error(`no answers from ${load.url}`)
  return { ...sent, cpuMicrosPerRequest: cpu / sent.requests }
}

type Sent = Omit<Measured, 'cpuMicrosPerRequest'> & { readonly bad: number }

/** What the load comes from: wrk costs the machine least; where it is missing, npx fetches autocannon. */
export const GENERATOR = spawnSync('wrk', ['-v']).error === undefined ? 'wrk' : 'autocannon'

const send = (load: Load): Sent => (GENERATOR === 'wrk' ? wrk(load) : autocannon(load))

const headerArguments = (headers: Record<string, string>, join: string): string[] => Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}${join}${value}`])

function wrk({ url, headers = {}, seconds, connections }: Load): Sent {
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...headerArguments(headers, ': '), url]
  const output = spawnSync('wrk', args, { encoding: 'utf8' }).stdout
  const number = (pattern: RegExp): number => Number(pattern.exec(output)?.[1] ?? 0)
  return {
    requests: number(/(\d+) requests in/), perSecond: number(/Requests\/sec:\s+([\d.]+)/), bad: number(/Non-2xx or 3xx responses: (\d+)/),
    p50Micros: latency(output, '50%'), p99Micros: latency(output, '99%'),
  }
}

function latency(output: string, percentile: string): number {
  const found = new RegExp(`${percentile}\\s+([\\d.]+)(us|ms|s)`).exec(output)
  const unit = { us: 1, ms: 1_000, s: 1_000_000 }[found?.[2] ?? ''] ?? Number.NaN
  return Number(found?.[1]) * unit
}

/** The part of autocannon's JSON that is read here; latencies in milliseconds. */
interface AutocannonReport {
  readonly requests: { readonly total: number; readonly average: number }
  readonly latency: { readonly p50: number; readonly p99: number }
  readonly non2xx: number
  readonly errors: number
}

function autocannon({ url, headers = {}, seconds, connections }: Load): Sent {
  const args = ['--json', '-c', String(connections), '-d', String(seconds), ...headerArguments(headers, '='), url]
  const { stdout, status, error } = spawnSync('npx', ['--yes', 'autocannon@9', ...args], { encoding: 'utf8' })
  if (status !== 0) throw new Error('neither wrk nor autocannon can be run: apt-get install wrk', { cause: error })
  const { requests, latency, non2xx, errors } = JSON.parse(stdout) as AutocannonReport
  return { requests: requests.total, perSecond: requests.average, bad: non2xx + errors, p50Micros: latency.p50 * 1_000, p99Micros: latency.p99 * 1_000 }
}

/** The middle one by processor time per request. */
export function median(measured: readonly Measured[]): Measured {
  const sorted = measured.toSorted((a, b) => a.cpuMicrosPerRequest - b.cpuMicrosPerRequest)
  const middle = sorted[Math.floor(sorted.length / 2)]
  if (middle === undefined) throw new Error('nothing was measured')
  return middle
}
