/** What the page's buttons talk to, on the two addresses, beside the balancer: the list of replicas, and kill. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { ReplicaStatus } from './replica.ts'

export const CONTROL_PATH = '/_demo'

export interface Controlled {
  status(): ReplicaStatus[]
  /** false: no such replica. */
  kill(name: string): Promise<boolean>
}

/** Answers what is under `CONTROL_PATH` and leaves all else to `rest`. */
export function withControls(controlled: Controlled, rest: RequestListener): RequestListener {
  return (request, response) => {
    const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
    if (!path.startsWith(`${CONTROL_PATH}/`)) return rest(request, response)
    request.resume()
    void control(controlled, request, response, path.slice(CONTROL_PATH.length))
  }
}

async function control(controlled: Controlled, request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
  const kill = /^\/kill\/(\w+)$/.exec(path)?.[1]
  if (request.method === 'GET' && path === '/replicas') return json(response, 200, controlled.status())
  if (kill === undefined || request.method !== 'POST') return json(response, 404, { problem: 'no such control' })
  // A page from elsewhere can post here too; browsers say when one does.
  const from = request.headers['sec-fetch-site'] ?? 'none'
  if (from !== 'same-origin' && from !== 'none') return json(response, 403, { problem: 'only from the demo itself' })
  if (!(await controlled.kill(kill))) return json(response, 404, { problem: 'no such replica' })
  if (request.headers.accept?.includes('text/html')) response.writeHead(303, { location: '/' }).end()
  else json(response, 200, controlled.status())
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(value))
}
