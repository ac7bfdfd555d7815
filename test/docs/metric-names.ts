import { createMetrics } from '../../src/admin/metrics.ts'

/** All names under which Prometheus sees what unstick measures. */
export function metricNames(): ReadonlySet<string> {
  const metrics = createMetrics({ requestsInFlight: () => 0, upstreamInFlight: () => 0, requestsWaitingForLock: () => 0, secrets: () => [] }).list()
  const suffixes = ['', '_bucket', '_sum', '_count']
  return new Set(metrics.flatMap(({ name, type }) => (type === 'histogram' ? suffixes.map((suffix) => name + suffix) : [name])))
}
