/** The admin port: /livez, /readyz, /metrics and /sessions. A server of its own, so that nothing of it is ever on the public port. */
import { hash, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Address } from '../config/config.ts'
import { UnstickError } from '../errors.ts'
import type { Metrics } from './metrics.ts'
import { answerSessions, type SessionDirectory } from './sessions.ts'

/** Whether this sidecar wants traffic. */
export type Readiness = 'starting' | 'ready' | 'draining'

export interface AdminOptions {
  readonly metrics: Metrics
  readonly sessions: SessionDirectory
  /**
   * What /readyz says. The store is no part of it: it is shared, and if it is down, taking all replicas out would turn
   * a part of the site failing into all of it.
   */
  readonly readiness: () => Readiness
  /**
   * With one, /metrics asks for `Authorization: Bearer TOKEN`. The health checks do not: kubelets and balancers have no secrets. /sessions always
   * does: without one it is closed.
   */
  readonly token: string | undefined
}

export class AdminServer {
  readonly #server: Server

  constructor(options: AdminOptions) {
    this.#server = createServer((request, response) => {
      route(options, request, response).catch((error: unknown) => {
        say(response, 500, `this could not be answered: ${error instanceof Error ? error.message : String(error)}`)
      })
    })
  }

  /** Resolves with the address, where port 0 has become a real one. Throws `start_failed`. */
  async listen(address: Address): Promise<Address> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(new UnstickError('start_failed', `Cannot listen on ${'unix' in address ? address.unix : `${address.host}:${address.port}`} for the admin port: ${error.message}. Change "admin.listen".`, { cause: error })))
      if ('unix' in address) this.#server.listen(address.unix, resolve)
      else this.#server.listen(address.port, address.host, resolve)
    })
    const bound = this.#server.address()
    return bound === null || typeof bound === 'string' ? address : { host: bound.address, port: bound.port }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

async function route({ metrics, sessions, readiness, token }: AdminOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? ''
  if (path === '/sessions' || path.startsWith('/sessions/')) {
    if (token === undefined) return say(response, 403, 'Sessions are told of and ended only with an admin token: set "admin.token".')
    if (!authorised(request, token)) return say(response, 401, 'Sessions ask for the admin token: Authorization: Bearer TOKEN.')
    return answerSessions(sessions, request, new URL(request.url ?? '/', 'http://admin'), response)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return say(response, 405, 'Only GET and HEAD are answered here.')
  switch (path) {
    case '/livez':
      return say(response, 200, 'alive')
    case '/readyz': {
      const state = readiness()
      return say(response, state === 'ready' ? 200 : 503, state)
    }
    case '/metrics':
      if (token !== undefined && !authorised(request, token)) return say(response, 401, 'The metrics ask for the admin token: Authorization: Bearer TOKEN.')
      response.writeHead(200, { 'Content-Type': metrics.contentType })
      response.end(await metrics.page())
      return undefined
    default:
      return say(response, 404, 'Known here: /livez, /readyz, /metrics, /sessions.')
  }
}

function authorised(request: IncomingMessage, token: string): boolean {
  const given = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', token, 'buffer'))
}

function say(response: ServerResponse, status: number, line: string): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end(`${line}\n`)
}
