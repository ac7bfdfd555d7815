/** From the settings as written to the configuration as the program uses it. */
import type { CaptureConfig, Config, FilesRule, HeadersConfig, RouteConfig } from './config.ts'
import type { Value } from './document.ts'
import { receiveNames } from './headers-schema.ts'
import { PRESETS } from './presets.ts'
import type { Settings } from './schema.ts'

type Map = { [key: string]: Value }

const isMap = (value: Value | undefined): value is Map => typeof value === 'object' && !Array.isArray(value)

/** Puts what the preset named by `app` says where the user says nothing. An unknown preset is left to the schema. */
export function applyPreset(values: Map): Map {
  const { app, carriers = {} } = values
  if (typeof app !== 'string' || !Object.hasOwn(PRESETS, app) || !isMap(carriers)) return values
  const preset = PRESETS[app]
  const cookies = carriers['cookies'] ?? {}
  if (preset === undefined || !isMap(cookies)) return values
  return {
    ...values,
    carriers: {
      files: preset.files.map((rule) => ({ ...rule })),
      ...carriers,
      cookies: { names: [...preset.names], ...cookies },
    },
  }
}

export function toConfig(settings: Settings): Config {
  const { session, carriers, limits, admin } = settings
  return {
    listen: settings.listen,
    upstream: settings.upstream,
    store: settings.store,
    secrets: settings.secret.flat(),
    session: {
      cookie: { ...session.cookie, domain: session.cookie.domain },
      idleTimeoutMs: session.idleTimeout,
      lifetimeMs: session.lifetime,
      touchIntervalMs: session.touchInterval,
    },
    carriers: {
      cookies: carriers.cookies,
      files: carriers.files.map(({ cookie, id, path: { path, render } }): FilesRule => ({ cookie, id, path, render })),
      headers: carriers.headers === undefined ? undefined : toHeaders(carriers.headers),
    },
    routes: settings.routes.map(toRoute),
    limits: {
      headerBytes: limits.header,
      entryBytes: limits.entry,
      sessionBytes: limits.session,
      upstreamConnections: limits.upstreamConnections,
      upstreamTimeoutMs: limits.upstreamTimeout,
      drainMs: limits.drain,
    },
    trustedProxies: settings.trustedProxies,
    admin: { listen: admin.listen, token: admin.token },
  }
}

function toHeaders({ send, format, id, receive, inject, capture }: NonNullable<Settings['carriers']['headers']>): HeadersConfig {
  return { send, format, id, receive: receiveNames(receive), inject: Object.entries(inject).map(([name, template]) => ({ name, template })), capture: capture.map(toCapture) }
}

function toCapture({ on, status, set, subject, strip, destroy }: NonNullable<Settings['carriers']['headers']>['capture'][number]): CaptureConfig {
  return { on, hasStatus: status, set: Object.entries(set).map(([attribute, source]) => ({ attribute, ...source })), subject, strip, destroy }
}

function toRoute({ match, session, touch, lock, lockWait }: Settings['routes'][number]): RouteConfig {
  return {
    match,
    ...(session === undefined ? {} : { session }),
    ...(touch === undefined ? {} : { touch }),
    ...(lock === undefined ? {} : { lock }),
    ...(lockWait === undefined ? {} : { lockWaitMs: lockWait }),
  }
}
