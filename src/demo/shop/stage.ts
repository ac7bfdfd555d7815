/**
 * What the page says about the way it is being run: where the balancer stands, which address this is, what to try. The
 * shop itself knows none of it; it comes whole from the environment, by the port that the browser asked for.
 */

export interface Stage {
  /** Differs from one run to the next, so that a page forgets what it saw in an earlier one. */
  readonly run: string
  readonly kicker: string
  readonly title: string
  readonly says: string
  /** Steps for a visitor, in order. */
  readonly tries: readonly string[]
  /** Changes the colour of the page: `plain` replicas alone, `joined` ones that share sessions. */
  readonly tone: 'plain' | 'joined'
  /** What stands between the balancer and each replica, and what all of those share; undefined: nothing does. */
  readonly between: { readonly each: string; readonly shared: string } | undefined
  /** Every address of this shop, this one included. */
  readonly addresses: readonly { readonly label: string; readonly href: string; readonly here: boolean }[]
  /** The replicas by name, in the order in which they are drawn. */
  readonly replicas: readonly string[]
  /** Path on this address under which replicas can be listed and killed; undefined: they cannot. */
  readonly control: string | undefined
}

/** By port, as it is written in a Host header. */
export type Stages = Readonly<Record<string, Stage>>

/** The stage for a Host header such as `127.0.0.1:8000`; undefined: nothing is known of this address. */
export function stageFor(stages: Stages, host: string | undefined): Stage | undefined {
  const port = /:(\d+)$/.exec(host ?? '')?.[1] ?? '80'
  return Object.hasOwn(stages, port) ? stages[port] : undefined
}
