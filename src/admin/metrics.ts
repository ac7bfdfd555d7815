/** Metrics in Prometheus' text format. What is written here is also what docs/metrics.md says: `npm run schema`. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Key } from '../crypto/keyring.ts'
import type { Telemetry } from '../telemetry.ts'

const SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

export interface Gauges {
  readonly requestsInFlight: () => number
  readonly upstreamInFlight: () => number
  readonly requestsWaitingForLock: () => number
  /** Every secret of the configuration, by its id. */
  readonly secrets: () => readonly Pick<Key, 'idText' | 'uses'>[]
}

export interface Metrics {
  readonly telemetry: Telemetry
  readonly contentType: string
  /** The page that Prometheus scrapes. */
  page(): Promise<string>
  /** What unstick itself measures, beside Node's own metrics of the process. */
  list(): MetricDoc[]
}

export interface MetricDoc {
  readonly name: string
  readonly type: string
  readonly labels: readonly string[]
  readonly help: string
}

/** Those of Node, which prom-client collects: `unstick_process_…` and `unstick_nodejs_…`. */
const PREFIX = 'unstick_'
const NODES_OWN = /^unstick_(process|nodejs)_/

export function createMetrics(gauges: Gauges): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry, prefix: PREFIX })

  // Counted by hand and handed over when somebody looks: finding the labels' counter costs more than the rest of a request's bookkeeping.
  const seen = new Map<string, Map<number, number>>()
  registry.registerMetric(new Counter({
    name: 'unstick_requests_total', help: 'Requests, by status class of the answer (aborted: the client hung up first) and Unstick-Error code, if any', labelNames: ['status', 'error'], registers: [],
    collect() {
      this.reset()
      for (const [error, statuses] of seen) for (const [status, count] of statuses) this.inc({ status: status === 0 ? 'aborted' : `${status}xx`, error }, count)
    },
  }))
  registry.registerMetric(new Counter({
    name: 'unstick_secret_uses_total', help: 'How often each secret was needed, by its key id: to find a session by a token that it signed, to open what it sealed', labelNames: ['key', 'use'], registers: [],
    collect() {
      this.reset()
      for (const { idText, uses } of gauges.secrets()) for (const use of ['token', 'seal'] as const) this.inc({ key: idText, use }, uses[use])
    },
  }))
  const added = new Histogram({ name: 'unstick_added_latency_seconds', help: 'Time that a request spent in the sidecar and its store, not in the app', buckets: SECONDS, registers })
  const opened = new Counter({ name: 'unstick_sessions_opened_total', help: 'Look-ups of a verified token, by result: found, missed', labelNames: ['result'], registers })
  const created = new Counter({ name: 'unstick_sessions_created_total', help: 'Sessions begun', registers })
  const destroyed = new Counter({ name: 'unstick_sessions_destroyed_total', help: 'Sessions ended by the app', registers })
  const refused = new Counter({ name: 'unstick_tokens_refused_total', help: 'Requests with token cookies of which none verified: forged, truncated, or of a secret that is gone', registers })
  const commits = new Counter({ name: 'unstick_commits_total', help: 'Commits of session changes, by result: committed, ended (by its last entry), gone (somebody else had ended it), too_large, fenced, failed', labelNames: ['result'], registers })
  const captures = new Counter({ name: 'unstick_captures_total', help: 'Capture rules, and headers of the app for unstick, that were heeded (captured), or why they were not', labelNames: ['result'], registers })
  const headersRefused = new Counter({ name: 'unstick_headers_refused_total', help: 'Headers that were not injected, because an attribute in them cannot stand in a header', registers })
  const released = new Counter({ name: 'unstick_cookies_released_total', help: 'Cookies on their way back to clients (carriers.cookies.release), by result: handed (given to the client), returned (the client has a newer copy, or has deleted its own, and the store let go of it), too_large (no browser takes it)', labelNames: ['result'], registers })
  const store = new Histogram({ name: 'unstick_store_seconds', help: "Time of store calls, by operation: open, commit, destroy, renew, release, file (the lists of users' sessions)", labelNames: ['operation'], buckets: SECONDS, registers })
  const storeErrors = new Counter({ name: 'unstick_store_errors_total', help: 'Store calls that failed, by operation', labelNames: ['operation'], registers })
  const gauge = (name: string, help: string, read: () => number): Gauge => new Gauge({ name, help, registers, collect() { this.set(read()) } })
  gauge('unstick_requests_in_flight', 'Requests that are being handled', gauges.requestsInFlight)
  gauge('unstick_upstream_in_flight', 'Requests that the app is working on, or that wait for a connection to it', gauges.upstreamInFlight)
  gauge('unstick_lock_waiting', 'Requests that wait in this sidecar for their session', gauges.requestsWaitingForLock)

  return {
    contentType: registry.contentType,
    page: () => registry.metrics(),
    list: () => registry.getMetricsAsArray().filter(({ name }) => !NODES_OWN.test(name)).map((metric) => {
      const { name, help, type } = metric
      const labels = 'labelNames' in metric ? (metric.labelNames as readonly string[]) : []
      return { name, help, labels, type: String(type) }
    }),
    telemetry: {
      request(status, code, addedS) {
        const error = code ?? ''
        let statuses = seen.get(error)
        if (statuses === undefined) seen.set(error, (statuses = new Map()))
        const kind = Math.floor(status / 100)
        statuses.set(kind, (statuses.get(kind) ?? 0) + 1)
        added.observe(addedS)
      },
      sessionOpened: (result) => opened.inc({ result }),
      sessionCreated: () => created.inc(),
      sessionDestroyed: () => destroyed.inc(),
      tokenRefused: () => refused.inc(),
      committed: (result) => commits.inc({ result }),
      captured: (result) => captures.inc({ result }),
      headerRefused: () => headersRefused.inc(),
      cookieReleased: (result, count) => released.inc({ result }, count),
      storeCall(operation, seconds, failed) {
        store.observe({ operation }, seconds)
        if (failed) storeErrors.inc({ operation })
      },
    },
  }
}
