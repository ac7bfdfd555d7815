/** The figures as a page: ratios to nginx, since only those mean anything on another machine. */
import type { Measured } from './load.ts'

const BASE = 'nginx proxy_pass'

export function report(results: ReadonlyMap<string, Measured>, run: { seconds: number; rounds: number; connections: number; cores: number; generator: string }): string {
  const base = results.get(BASE)
  const ratio = (value: number, of: number | undefined): string => (of === undefined || !(of > 0) ? '–' : `${(value / of).toFixed(2)} ×`)
  const rows = [...results].map(([name, one]) => `| ${[
    name,
    `${one.cpuMicrosPerRequest.toFixed(1)} µs`,
    ratio(one.cpuMicrosPerRequest, base?.cpuMicrosPerRequest),
    ratio(one.perSecond, base?.perSecond),
    ratio(one.p50Micros, base?.p50Micros),
    ratio(one.p99Micros, base?.p99Micros),
  ].join(' | ')} |`)
  return `# Benchmarks

Made by \`npm run bench -- --write\`. One run, ${run.rounds} rounds of ${run.seconds} s over all subjects in turn, ${run.generator} with ${run.connections} connections and one thread, on a
machine with ${run.cores} cores that the load, the app and the proxy share. The middle round of each by processor time. The app answers 113 bytes (nginx
\`return\`); the session holds one cookie of 200 characters. "Processor time" is that of the process in the first column alone: not that of
the app, of Redis or of the load.

Read the ratios; the absolute figures are those of one machine on one day.

| | processor time per request | to nginx | requests per second, to nginx | p50, to nginx | p99, to nginx |
|---|---|---|---|---|---|
${rows.join('\n')}

With all connections busy all the time, latency is mostly waiting for a turn: p50 and p99 say how many requests a core gets through, not what
a request costs on an idle machine.
`
}
