/** One thing that HTTP can do, played over real sockets: once straight to an app, once through unstick. */
import { headerValue } from '../../support/raw-client.ts'
import { type RawConnection, type RawRequestHead, type RawResponse } from '../../support/raw-connection.ts'

/** Who asks, and what of its session the answers touch. */
export type SettingName =
  /** No session at all. */
  | 'without a session'
  /** A session that the app reads. */
  | 'with a session'
  /** A session in which each answer changes a cookie: heads wait for the commit. */
  | 'with a session that changes'
  /** A session in a file that each answer changes: ends wait for the commit. */
  | 'with a session file'

export const ALL_SETTINGS: readonly SettingName[] = ['without a session', 'with a session', 'with a session that changes', 'with a session file']

export interface ClientSide {
  /** The app itself is at the other end. */
  readonly isDirect: boolean
  readonly connection: RawConnection
  /** Sends a request, with the session's cookie where there is one. */
  ask(request: string): void
  /** One response: what of it must be the same. */
  response(options?: { bodiless?: boolean }): Promise<SameResponse>
  /** A connection more. */
  another(): Promise<ClientSide>
  /** Waits until the app has come so far. */
  reached(point: string): Promise<void>
}

export interface AppSide {
  readonly connection: RawConnection
  /** One request's head, and so what must be the same of it; undefined: the connection ended instead. */
  head(): Promise<RawRequestHead | undefined>
  /** The body behind it. */
  body(head: RawRequestHead): Promise<{ readonly body: string; readonly trailers: readonly string[] }>
  /** The whole of one. */
  request(): Promise<RawRequestHead & { readonly body: string } | undefined>
  /** Sends a final answer, from its status line on. */
  answer(text: string): void
  /** Notes what else must be the same. */
  note(what: unknown): void
  /** Tells the client's script that it has come so far. */
  reach(point: string): void
}

export interface SameResponse {
  readonly statusLine: string
  readonly status: number
  /** Names and values in turn, without what belongs to one connection or to the session. */
  readonly headers: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

/** What both sides saw of it. */
export interface Told {
  /** What the client's script gave back. */
  readonly client: unknown
  /** What the app got, one after the other. */
  readonly app: readonly unknown[]
}

export interface Case {
  /** As docs/http.md names it. */
  readonly id: string
  readonly settings?: readonly SettingName[]
  readonly limits?: { readonly upstreamTimeoutMs?: number; readonly headerBytes?: number }
  client(client: ClientSide): Promise<unknown>
  /** For each connection. */
  app(app: AppSide): Promise<void>
  /** Instead of being the same: what through unstick is another way, as docs/http.md says. */
  differs?(told: { readonly direct: Told; readonly through: Told }): void
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

/** Requests on one connection, one after the other, and what the app answers to each. */
export function exchanges(id: string, pairs: readonly { readonly request: string; readonly answer?: string; readonly end?: boolean }[], more: Pick<Case, 'settings' | 'differs' | 'limits'> = {}): Case {
  return {
    id, ...more,
    async client(client) {
      const responses: SameResponse[] = []
      for (const { request } of pairs) {
        client.ask(request)
        do responses.push(await client.response({ bodiless: request.startsWith('HEAD ') })); while ((responses.at(-1)?.status ?? 0) < 200)
      }
      return responses
    },
    async app(app) {
      for (let request = await app.request(); request !== undefined; request = await app.request()) {
        const { line } = request
        const pair = pairs.find((each) => each.request.startsWith(line)) ?? pairs[0]
        app.answer(pair?.answer ?? OK)
        if (pair?.end === true || headerValue(request, 'connection')?.toLowerCase() === 'close') app.connection.socket.end()
      }
    },
  }
}

/** One request, one answer. `end`: the app closes its connection behind it. */
export const exchange = (id: string, request: string, answer?: string, more: Parameters<typeof exchanges>[2] & { readonly end?: boolean } = {}): Case =>
  exchanges(id, [{ request, ...(answer === undefined ? {} : { answer }), end: more.end === true }], more)

export const requestText = (line: string, headers: readonly string[] = [], body = ''): string => [`${line} HTTP/1.1`, 'Host: app.example', ...headers, '', body].join('\r\n')

const PER_CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding'])
const ADDED = new Set([...PER_CONNECTION, 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'forwarded'])
/** Said in a place and in letters of their own by whoever sends. */
const APART = ['host', 'content-length', 'cookie']

const without = (headers: readonly string[], dropped: (name: string, value: string) => boolean): string[] =>
  headers.filter((_, i) => !dropped((headers[i - (i % 2)] ?? '').toLowerCase(), headers[i - (i % 2) + 1] ?? ''))

/** A head as the app got it, without what each hop says for itself. */
export function sameRequest({ line, headers }: RawRequestHead): unknown {
  const apart = APART.map((wanted) => headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === wanted).join('; '))
  return { line, apart, headers: without(headers, (name) => ADDED.has(name) || APART.includes(name)) }
}

export function sameResponse(response: RawResponse): SameResponse {
  const { statusLine, status, body, trailers } = response
  return { statusLine, status, body, trailers, headers: without(response.headers, (name, value) => PER_CONNECTION.has(name) || (name === 'set-cookie' && /^(?:sid|unstick)=/.test(value))) }
}
