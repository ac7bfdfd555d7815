/** Interim answers (1xx, RFC 9110 15.2) to the client, also on a Node that offers no way to send them: before 24.18. */
import { type ServerResponse, STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'

/** Sends it at once, before the answer itself. Throws for a header that must not be written. */
export function sendInterim(response: ServerResponse, status: number, headers: readonly (readonly [name: string, value: string])[]): void {
  if (typeof response.writeInformation === 'function') {
    response.writeInformation(status, headers.flat())
    return
  }
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  for (const [name, value] of headers) {
    validateHeaderName(name)
    validateHeaderValue(name, value)
    head += `${name}: ${value}\r\n`
  }
  // What writeContinue and writeEarlyHints are made of: it keeps the order of answers to requests that are pipelined.
  const write = Reflect.get(response, '_writeRaw') as (this: ServerResponse, data: string, encoding: 'latin1') => boolean
  write.call(response, `${head}\r\n`, 'latin1')
}
