import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'

/** A request as node:http hands it over, without a connection behind it. `raw`: names and values in turn. */
export function incomingRequest(raw: readonly string[], line: { method?: string; url?: string; minor?: 0 | 1 } = {}): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  request.method = line.method ?? 'GET'
  request.url = line.url ?? '/'
  request.httpVersionMajor = 1
  request.httpVersionMinor = line.minor ?? 1
  request.rawHeaders = [...raw]
  const connection = raw.filter((_, i) => i % 2 === 1 && raw[i - 1]?.toLowerCase() === 'connection')
  if (connection.length > 0) request.headers = { connection: connection.join(', ') }
  return request
}
