import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { flaws, manifests, render, userChart } from './helm.ts'
import { containerNamed, podTemplate } from './pod.ts'

describeWith(['helm', 'kubernetesValidate'], 'a chart of one’s own', () => {
  test('has the sidecar for one line each', async () => {
    await using folder = await temporaryFolder()
    const rendered = await render(await userChart(folder.path))
    await expect(rendered).toMatchFileSnapshot('golden/library.yaml')
    expect(await flaws(rendered, '1.35')).toBeUndefined()
    expect(manifests(rendered).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(['ConfigMap shop-unstick', 'Service shop', 'Deployment shop'])
  })

  test('rolls its pods when the configuration changes, without a line for it', async () => {
    await using folder = await temporaryFolder()
    const chart = await userChart(folder.path)
    const pod = async (...set: string[]): Promise<unknown> => podTemplate(await render(chart, { set }))
    expect(await pod('unstick.config.session.idleTimeout=5m')).not.toEqual(await pod())
  })

  test('is told that its cluster has no native sidecars, and can have a plain one', async () => {
    await using folder = await temporaryFolder()
    const chart = await userChart(folder.path)
    await expect(render(chart, { kube: '1.28' })).rejects.toThrow('include unstick.container under containers: instead of initContainers:, and set sidecar.native to false')
    const rendered = await render(chart, { kube: '1.28', set: ['unstick.sidecar.native=false'] })
    expect(containerNamed(rendered, 'unstick')).not.toHaveProperty('restartPolicy')
  })

  test('may call the dependency by another name', async () => {
    await using folder = await temporaryFolder()
    const chart = await userChart(folder.path)
    await writeFile(join(chart, 'Chart.yaml'), 'apiVersion: v2\nname: two\nversion: 1.0.0\ndependencies: [{ name: unstick, alias: carts, version: ~0.1.0 }]\n')
    await writeFile(join(chart, 'values.yaml'), 'carts: { app: { kind: rails, port: 3000 }, store: { url: "redis://carts" }, secret: { existingSecret: carts } }\n')
    await rm(join(chart, 'templates', 'shop.yaml'))
    await writeFile(join(chart, 'templates', 'unstick.yaml'), '{{ include "unstick.config" (dict "root" . "as" "carts") }}\n')
    const [config] = manifests(await render(chart))
    expect(config).toMatchObject({ metadata: { name: 'shop-carts' }, data: { 'unstick.yaml': expect.stringContaining('store: redis://carts') as string } })
  })

  test('may have the whole Deployment from values under its own', async () => {
    await using folder = await temporaryFolder()
    const chart = await userChart(folder.path)
    await rm(join(chart, 'templates'), { recursive: true })
    const rendered = await render(chart, { set: ['unstick.app.image=registry.example/shop:7'] })
    expect(manifests(rendered).map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(['ConfigMap shop-unstick-unstick', 'Service shop-unstick', 'Deployment shop-unstick'])
    expect(containerNamed(rendered, 'unstick').image).toMatch(/:0\.1\.0$/)
  })
})
