/** The configuration file of one sidecar of the demo: nothing in it is special to the demo. */
import { join } from 'node:path'
import { stringify } from 'yaml'

export interface SidecarPlan {
  readonly port: number
  readonly adminPort: number
  readonly upstreamPort: number
  /** The SQLite file that all sidecars share. */
  readonly database: string
  /** The folder in which this replica of the app keeps its session files. */
  readonly sessions: string
  readonly secret: string
}

export function sidecarYaml(plan: SidecarPlan): string {
  return stringify({
    listen: `127.0.0.1:${plan.port}`,
    upstream: `http://127.0.0.1:${plan.upstreamPort}`,
    store: `sqlite:${plan.database}`,
    secret: [plan.secret],
    app: 'express-file',
    carriers: {
      files: [{ cookie: 'connect.sid', id: '^s(?::|%3[Aa])([A-Za-z0-9_-]{32})\\.', path: join(plan.sessions, '{id}.json') }],
    },
    admin: { listen: `127.0.0.1:${plan.adminPort}` },
  })
}
