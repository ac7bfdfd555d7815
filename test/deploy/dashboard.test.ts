import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createMetrics } from '../../src/admin/metrics.ts'
import { describeWith } from '../support/servers.ts'
import { CHART, manifests, render } from './helm.ts'

const DASHBOARD = join(CHART, 'dashboards', 'unstick.json')
const VALUES = join(import.meta.dirname, 'values', 'php-redis.yaml')

interface Dashboard {
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[]
}

/** The page of a sidecar that has seen one of everything, so that the labels are there too. */
async function metricsPage(): Promise<string> {
  const metrics = createMetrics({ requestsInFlight: () => 0, upstreamInFlight: () => 0, requestsWaitingForLock: () => 0, secrets: () => [] })
  metrics.telemetry.request(503, 'session_busy', 0.1)
  metrics.telemetry.sessionOpened('missed')
  metrics.telemetry.committed('committed')
  metrics.telemetry.storeCall('open', 0.1, true)
  return metrics.page()
}

test('the dashboard asks for metrics and labels that there are', async () => {
  const page = await metricsPage()
  const { panels } = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as Dashboard
  for (const { title, targets } of panels) {
    for (const { expr } of targets) {
      const [, name = ''] = /(unstick_\w+)\{/.exec(expr) ?? []
      const line = page.split('\n').find((row) => new RegExp(`^${name}[{ ]`).test(row))
      expect(line, `${title}: ${name}`).toBeDefined()
      // Beside those that Prometheus adds itself.
      const labels = [...`${/by \(([\w, ]+)\)/.exec(expr)?.[1] ?? ''},${/job=~"\$job", (\w+)/.exec(expr)?.[1] ?? ''}`.matchAll(/\w+/g)].map(([label]) => label)
      for (const label of labels) expect(line, `${title}: ${label}`).toContain(`${label}="`)
    }
  }
})

describeWith(['helm'], 'the chart', () => {
  test('brings the dashboard where it is wanted, as Grafana looks for it', async () => {
    const dashboards = async (...set: string[]): Promise<unknown[]> => manifests(await render(CHART, { values: VALUES, set })).filter(({ metadata }) => metadata.name === 'shop-dashboard')
    expect(await dashboards()).toEqual([])
    expect(await dashboards('dashboard.enabled=true')).toMatchObject([{ kind: 'ConfigMap', metadata: { labels: { grafana_dashboard: '1' } }, data: { 'unstick.json': readFileSync(DASHBOARD, 'utf8') } }])
  })
})
