/** Asks the admin port of a running sidecar whether it wants traffic: for a container's HEALTHCHECK and for people. */
import { request } from 'node:http'
import type { Address } from '../config/config.ts'

/** Shorter than whoever runs the check waits for it. */
const PROBE_MS = 2_000

export interface Health {
  readonly ready: boolean
  /** One line: what the sidecar said, or why it could not be asked. */
  readonly says: string
}

/** Never throws: a sidecar that cannot be asked is not ready. An address that stands for all of them is asked on loopback. */
export function probe(address: Address): Promise<Health> {
  const where = 'unix' in address ? { socketPath: address.unix } : { host: reachable(address.host), port: address.port }
  return new Promise((resolve) => {
    const unreachable = (error: Error): void => resolve({ ready: false, says: `no answer from ${'unix' in address ? `unix:${address.unix}` : `port ${address.port}`}: ${error.message}` })
    const asked = request({ ...where, path: '/readyz', agent: false, signal: AbortSignal.timeout(PROBE_MS) }, (response) => {
      let says = ''
      response.setEncoding('utf8')
      response.on('data', (text: string) => { says += text })
      response.on('error', unreachable)
      response.on('end', () => resolve({ ready: response.statusCode === 200, says: says.trim() }))
    })
    asked.on('error', unreachable)
    asked.end()
  })
}

function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  return host === '::' ? '::1' : host
}
