import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }
import { PRESETS } from '../../src/config/presets.ts'
import { examineConfig } from '../../src/config/load.ts'
import { describeWith } from '../support/servers.ts'
import { CHART, flaws, lint, manifests, only, render } from './helm.ts'
import { containerNamed, podTemplate, waits } from './pod.ts'

const VALUES = join(import.meta.dirname, 'values')
const values = (name: string): string => join(VALUES, `${name}.yaml`)
const names = readdirSync(VALUES).map((file) => file.replace(/\.yaml$/, '')).sort()

/** Every way that the chart is tried, each of them a golden file: all values, and PHP on clusters of two older ways. */
const CASES = [
  ...names.map((name) => ({ golden: name, name, kube: '1.35' })),
  { golden: 'php-redis-1.29', name: 'php-redis', kube: '1.29' },
  { golden: 'php-redis-1.28', name: 'php-redis', kube: '1.28' },
]

describeWith(['helm', 'kubernetesValidate'], 'the chart', () => {
  test.concurrent.for(CASES)('renders $golden as it did, and as Kubernetes $kube takes it', async ({ golden, name, kube }, { expect }) => {
    const rendered = await render(CHART, { values: values(name), kube })
    await expect(rendered).toMatchFileSnapshot(`golden/${golden}.yaml`)
    expect(await flaws(rendered, kube)).toBeUndefined()
  })

  test.concurrent.for(names)('gives the sidecar of %s a configuration that it takes', async (name, { expect }) => {
    const text = only(await render(CHART, { values: values(name) }), 'ConfigMap').data?.['unstick.yaml'] ?? ''
    const env = { UNSTICK_SECRET: 'a secret that is long enough to be one', UNSTICK_STORE: 'rediss://user:password@redis:6380' }
    const { config, problems } = examineConfig({ file: 'unstick.yaml', readFile: () => text, env })
    expect(problems).toEqual([])
    expect(config?.admin.listen).toMatchObject({ host: '0.0.0.0' })
  })

  test.concurrent.for(names)('lints with %s', async (name, { expect }) => {
    expect(await lint(CHART, values(name))).toContain('0 chart(s) failed')
  })

  test.concurrent.for(['1.25', '1.28', '1.29', '1.30', '1.37'])('is taken by Kubernetes %s', async (kube, { expect }) => {
    const set = Number(kube.slice(2)) < 29 ? ['sidecar.native=false'] : []
    expect(await flaws(await render(CHART, { values: values('everything'), kube, set }), kube)).toBeUndefined()
  })

  test('knows where each preset keeps its files', async () => {
    for (const [kind, { files }] of Object.entries(PRESETS)) {
      const rendered = await render(CHART, { values: values('php-redis'), set: [`app.kind=${kind}`, 'app.runAsUser=5'] })
      const shared = containerNamed(rendered, 'unstick').volumeMounts?.filter(({ name }) => name.startsWith('unstick-sessions')) ?? []
      expect(shared.map(({ mountPath }) => mountPath), kind).toEqual(files.map(({ path }) => path.slice(0, path.lastIndexOf('/'))))
      expect(containerNamed(rendered, 'app').volumeMounts ?? [], kind).toEqual(expect.arrayContaining(shared))
    }
  })

  test('has the version of the package, and its image', async () => {
    const { version, appVersion } = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as { version: string; appVersion: string }
    expect({ version, appVersion }).toEqual({ version: manifest.version, appVersion: manifest.version })
    expect(containerNamed(await render(CHART, { values: values('php-redis') }), 'unstick').image).toBe(`ghcr.io/unstick/unstick:${manifest.version}`)
  })

  test('runs the sidecar as the user whose session files it reads', async () => {
    const rendered = await render(CHART, { values: values('files-own-folder') })
    expect(containerNamed(rendered, 'unstick').securityContext).toMatchObject({ runAsUser: 1000, runAsGroup: 2000, runAsNonRoot: true, readOnlyRootFilesystem: true })
    expect(podTemplate(rendered).spec.securityContext).toMatchObject({ fsGroup: 2000 })
  })

  test('rolls the pods when the configuration changes, and only then', async () => {
    const annotations = async (...set: string[]): Promise<unknown> => podTemplate(await render(CHART, { values: values('php-redis'), set })).metadata.annotations
    const before = await annotations()
    expect(await annotations('config.session.idleTimeout=5m')).not.toEqual(before)
    expect(await annotations('service.port=8000')).toEqual(before)
  })

  test('opens the admin port to those alone who are named', async () => {
    const ports = async (...set: string[]): Promise<unknown> => only(await render(CHART, { values: values('php-redis'), set: ['networkPolicy.enabled=true', ...set] }), 'NetworkPolicy').spec?.['ingress']
    expect(await ports()).toEqual([{ ports: [{ port: 8080, protocol: 'TCP' }] }])
    expect(await ports('networkPolicy.metricsFrom[0].podSelector.matchLabels.app=prometheus')).toContainEqual({ ports: [{ port: 9090, protocol: 'TCP' }], from: [{ podSelector: { matchLabels: { app: 'prometheus' } } }] })
  })

  test('sends no client to the same replica on purpose', async () => {
    for (const name of names) {
      for (const { kind, spec } of manifests(await render(CHART, { values: values(name) }))) {
        if (kind === 'Service' && spec?.['clusterIP'] !== 'None') expect(spec?.['sessionAffinity']).toBe('None')
      }
    }
  })

})

/** Seconds from the deletion of the pod: when a container is told to end, and when its pod is killed. */
describeWith(['helm'], 'a pod that ends', () => {
  const shutdown = ['shutdown.endpointsSeconds=7', 'shutdown.drainSeconds=20', 'shutdown.appSeconds=40']

  test.each(['1.29', '1.30', '1.37'])('keeps the app serving until no new requests come, its native sidecar longer still (Kubernetes %s)', async (kube) => {
    const rendered = await render(CHART, { values: values('php-redis'), kube, set: shutdown })
    const { initContainers, terminationGracePeriodSeconds } = podTemplate(rendered).spec
    expect(initContainers).toMatchObject([{ name: 'unstick', restartPolicy: 'Always' }])
    expect(waits(containerNamed(rendered, 'app'))).toBe(7)
    // The kubelet itself waits for the app before it tells a native sidecar.
    expect(waits(containerNamed(rendered, 'unstick'))).toBe(0)
    expect(terminationGracePeriodSeconds).toBeGreaterThan(7 + 40 + 20)
  })

  test.each(['1.28', '1.35'])('keeps the app serving until a plain sidecar has drained (Kubernetes %s)', async (kube) => {
    const rendered = await render(CHART, { values: values('php-redis'), kube, set: [...shutdown, 'sidecar.native=false'] })
    const { initContainers, terminationGracePeriodSeconds } = podTemplate(rendered).spec
    expect(initContainers).toBeUndefined()
    expect(containerNamed(rendered, 'unstick').restartPolicy).toBeUndefined()
    expect(waits(containerNamed(rendered, 'unstick'))).toBe(7)
    // The sidecar ends 20 s after that, plus a second for its last words.
    expect(waits(containerNamed(rendered, 'app'))).toBeGreaterThan(7 + 20 + 1)
    expect(terminationGracePeriodSeconds).toBeGreaterThan(waits(containerNamed(rendered, 'app')) + 40)
    expect(only(rendered, 'ConfigMap').data?.['unstick.yaml']).toContain('drain: 20s')
  })
})
