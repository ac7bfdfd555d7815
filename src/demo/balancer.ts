/**
 * A plain round-robin balancer, made for the demo: each request goes to the next backend, whatever connection it came
 * on, since a browser keeps one open and would see one replica only. It knows nothing of sessions.
 */
import { request as httpRequest, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'

const LARGEST_BODY = 1024 * 1024
const TIMEOUT_MS = 30_000
/** RFC 9110 7.6.1, as far as a balancer that sends whole bodies meets them. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'te', 'upgrade', 'content-length', 'expect'])

/** Answers requests by asking the backends, given by port on loopback, in turn; one that is down is skipped. */
export function createBalancer(backends: readonly number[]): RequestListener {
  let turn = 0
  return (incoming, outgoing) => {
    const first = turn++
    void answer(incoming, outgoing, backends.map((_, step) => backends[(first + step) % backends.length] ?? 0))
  }
}

async function answer(incoming: IncomingMessage, outgoing: ServerResponse, order: readonly number[]): Promise<void> {
  const body = await readBody(incoming)
  if (body === 'broken') return void outgoing.destroy()
  if (body === 'too large') return refuse(outgoing, 413, 'The demo takes bodies of up to 1 MB.')
  for (const port of order) {
    const outcome = await attempt(port, incoming, outgoing, body)
    if (outcome === 'answered') return
    if (outcome === 'broke') return refuse(outgoing, 502, 'The replica died while it was answering.')
  }
  refuse(outgoing, 503, 'No replica is up. One will be back in a few seconds.')
}

async function readBody(incoming: IncomingMessage): Promise<Buffer | 'too large' | 'broken'> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      size += chunk.length
      // What is too much is read to the end all the same, so that the client hears why.
      if (size <= LARGEST_BODY) chunks.push(chunk)
    }
  } catch {
    // The client went away with its request half sent: there is nobody to answer.
    return 'broken'
  }
  return size > LARGEST_BODY ? 'too large' : Buffer.concat(chunks)
}

/** `skip`: the request has not reached an app, so that another may have it. `broke`: it may have. */
function attempt(port: number, incoming: IncomingMessage, outgoing: ServerResponse, body: Buffer): Promise<'answered' | 'skip' | 'broke'> {
  return new Promise((resolve) => {
    // No kept-alive connections: one to a killed backend would look alive until it is used.
    const asked = httpRequest({ host: '127.0.0.1', port, agent: false, method: incoming.method, path: incoming.url, headers: forwarded(incoming, body), timeout: TIMEOUT_MS })
    asked.once('timeout', () => asked.destroy(new Error('timeout')))
    asked.once('error', (error: Error & { code?: string }) => {
      if (outgoing.headersSent) {
        outgoing.destroy()
        resolve('answered')
      } else {
        resolve(error.code === 'ECONNREFUSED' || isSafe(incoming.method) ? 'skip' : 'broke')
      }
    })
    asked.once('response', (response) => {
      // A sidecar whose app is down: it says that nothing was sent, which is as good as a refused connection.
      if (response.headers['unstick-error'] === 'upstream_unreachable') {
        response.resume()
        return resolve('skip')
      }
      outgoing.writeHead(response.statusCode ?? 502, response.statusMessage ?? '', kept(response.rawHeaders))
      response.once('error', () => outgoing.destroy())
      outgoing.once('close', () => asked.destroy())
      response.pipe(outgoing)
      resolve('answered')
    })
    asked.end(body)
  })
}

/** Raw header pairs without those that are about one connection; Content-Length of answers is kept. */
function kept(rawHeaders: readonly string[], alsoKept = 'content-length'): string[] {
  return rawHeaders.filter((_, index) => {
    const name = rawHeaders[index - (index % 2)]?.toLowerCase() ?? ''
    return name === alsoKept || !HOP_BY_HOP.has(name)
  })
}

function forwarded(incoming: IncomingMessage, body: Buffer): string[] {
  const headers = kept(incoming.rawHeaders, '')
  headers.push('X-Forwarded-For', incoming.socket.remoteAddress ?? 'unknown')
  if (body.length > 0 || !isSafe(incoming.method)) headers.push('Content-Length', String(body.length))
  return headers
}

const isSafe = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD'

function refuse(outgoing: ServerResponse, status: number, why: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return
  outgoing.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' }).end(`${why}\n`)
}
