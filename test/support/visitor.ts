/** A client that keeps its token cookie, over connections of its own; and an app that keeps a session in the cookie `sid`. */
import type { RequestListener } from 'node:http'
import type { Address } from '../../src/config/config.ts'
import { ask, get, headerValues, type RawResponse } from './raw-client.ts'

export class TokenHolder {
  readonly #address: Address
  /** The token cookie's pair, `unstick=…`. */
  cookie: string | undefined

  constructor(address: Address, cookie?: string) {
    this.#address = address
    this.cookie = cookie
  }

  async get(target: string, headers: readonly string[] = []): Promise<RawResponse> {
    return this.keep(await ask(this.#address, this.request(target, headers)))
  }

  /** The request's bytes, with the token. */
  request(target: string, headers: readonly string[] = [], method = 'GET'): string {
    return get(target, [...headers, ...(this.cookie === undefined ? [] : [`Cookie: ${this.cookie}`])], method)
  }

  keep(response: RawResponse): RawResponse {
    const given = headerValues(response, 'set-cookie').find((cookie) => cookie.startsWith('unstick='))
    if (given !== undefined) this.cookie = /Max-Age=0(?:;|$)/.test(given) ? undefined : given.split(';', 1)[0]
    return response
  }
}

/** `/set?VALUE` sets the cookie `sid`, `/end` deletes it, and whatever is asked, the body tells the request's cookies. */
export const cookieApp: RequestListener = (request, response) => {
  const [path, value = ''] = (request.url ?? '').split('?')
  if (path === '/set') response.setHeader('Set-Cookie', `sid=${value}`)
  if (path === '/end') response.setHeader('Set-Cookie', 'sid=; Max-Age=0')
  response.end(request.headers.cookie ?? '')
}
