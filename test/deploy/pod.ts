/** A pod as the chart renders it, read for what matters when it runs and when it ends. */
import { only } from './helm.ts'

export interface Container {
  readonly name: string
  readonly image: string
  readonly restartPolicy?: string
  readonly args?: readonly string[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[]
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[]
  readonly lifecycle?: { readonly preStop: { readonly sleep?: { readonly seconds: number }; readonly exec?: { readonly command: readonly string[] } } }
  readonly securityContext?: Readonly<Record<string, unknown>>
}

export interface PodSpec {
  readonly terminationGracePeriodSeconds: number
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes: readonly { readonly name: string }[]
}

export interface PodTemplate {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
  readonly spec: PodSpec
}

export function podTemplate(rendered: string): PodTemplate {
  return only(rendered, 'Deployment').spec?.['template'] as PodTemplate
}

export function containerNamed(rendered: string, name: string): Container {
  const { initContainers = [], containers } = podTemplate(rendered).spec
  const found = [...initContainers, ...containers].find((container) => container.name === name)
  if (found === undefined) throw new Error(`no container ${name} in\n${rendered}`)
  return found
}

/** How long a container's preStop hook waits, in seconds. */
export function waits({ lifecycle }: Container): number {
  const hook = lifecycle?.preStop
  return hook?.sleep?.seconds ?? Number(hook?.exec?.command[1] ?? 0)
}
