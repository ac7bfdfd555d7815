/** An HTTP client that sends exactly the bytes it is given and shows exactly the bytes it gets, in Latin-1. */
import { once } from 'node:events'
import { connect } from 'node:net'
import type { Address } from '../../src/config/config.ts'
import { RawConnection, type RawResponse } from './raw-connection.ts'

export { headerValue, headerValues, type RawResponse } from './raw-connection.ts'

export class RawClient extends RawConnection {
  static async connect(address: Address): Promise<RawClient> {
    const socket = 'unix' in address ? connect(address.unix) : connect(address.port, address.host)
    await once(socket, 'connect')
    return new RawClient(socket)
  }
}

/** Sends a request that asks for the connection's end, and gives the one response. */
export async function ask(address: Address, request: string | Buffer, options: { bodiless?: boolean } = {}): Promise<RawResponse> {
  using client = await RawClient.connect(address)
  return await client.send(request).response(options)
}

/** A request without body, as text. */
export function get(target: string, headers: readonly string[] = [], method = 'GET'): string {
  return [`${method} ${target} HTTP/1.1`, 'Host: app.example', ...headers, '', ''].join('\r\n')
}
