/** The app's raw response headers, without what belongs to its connection or is ours to say. */
import { UnstickError } from '../errors.ts'
import { headerKind, type HeaderKindOf } from './header-names.ts'
import type { RawHeaders } from './message.ts'

export interface SortedResponse {
  readonly headers: RawHeaders
  /** Declared body length in bytes; undefined: chunked, until close, or none. */
  readonly contentLength: number | undefined
  readonly hasSetCookie: boolean
  /** An event stream (HTML, Server-sent events): it goes on for as long as both ends like. */
  readonly isEventStream: boolean
  /** What the app said in reserved headers: for carriers, never for the client. undefined: nothing. */
  readonly withheld: RawHeaders | undefined
  /** Coded for the transfer (gzip, say), which was not asked for: whoever gets it without Transfer-Encoding takes it for the content. */
  readonly coded: boolean
}

/** `raw`: names and values in turn, as bytes in Latin-1, which is how they leave again. `kindOf`: what the configuration makes of header names. */
export function sortResponse(raw: readonly (Buffer | string)[], kindOf: HeaderKindOf): SortedResponse {
  const headers: RawHeaders = []
  let contentLength: number | undefined
  let hasSetCookie = false
  let coded = false
  let isEventStream = false
  let withheld: RawHeaders | undefined
  const listed = listedInConnection(raw)
  for (let i = 0; i < raw.length; i += 2) {
    const name = text(raw[i])
    switch (kindOf(name)) {
      case 'hop':
        // Proxy-Authenticate and the like are for the hop before an app; TE and Keep-Alive are about one connection.
        break
      case 'connection':
      case 'te':
      case 'upgrade':
        break
      case 'reserved':
        (withheld ??= []).push(name, text(raw[i + 1]))
        break
      case 'transfer-encoding':
        coded ||= !/^[ \t]*(?:chunked|identity)[ \t]*$/i.test(text(raw[i + 1]))
        break
      case 'content-length':
        contentLength = Number(text(raw[i + 1]))
        headers.push(name, text(raw[i + 1]))
        break
      case 'set-cookie':
        hasSetCookie = true
        headers.push(name, text(raw[i + 1]))
        break
      default:
        if (name.length === CONTENT_TYPE.length && name.toLowerCase() === CONTENT_TYPE) isEventStream = EVENT_STREAM.test(text(raw[i + 1]))
        if (listed === undefined || !listed.has(name.toLowerCase())) headers.push(name, text(raw[i + 1]))
    }
  }
  return { headers, contentLength, hasSetCookie, isEventStream, withheld, coded }
}

const CONTENT_TYPE = 'content-type'
const EVENT_STREAM = /^text\/event-stream(?:[\s;]|$)/i

/** TE is not passed on but for trailers, so no app may send this (RFC 9112 6.1). */
export const codedAnswer = (): UnstickError => new UnstickError('upstream_broke', 'The app coded its answer for the transfer, which nobody asked for: its Transfer-Encoding is not "chunked".')

const text = (value: Buffer | string | undefined): string => (value === undefined ? '' : typeof value === 'string' ? value : value.toString('latin1'))

/** In lower case. Asked only about plain headers: neither framing nor cookies are up to a list. */
function listedInConnection(raw: readonly (Buffer | string)[]): ReadonlySet<string> | undefined {
  let listed: Set<string> | undefined
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]
    if (name === undefined || name.length !== 10 || headerKind(text(name)) !== 'connection') continue
    const value = text(raw[i + 1]).toLowerCase()
    if (value === 'close' || value === 'keep-alive') continue
    for (const option of value.split(',')) (listed ??= new Set()).add(option.trim())
  }
  return listed
}

/** Takes out the Set-Cookie headers of the names that `unwanted` tells: names as servers will read them when the cookies come back. */
export function dropCookies(response: { headers: RawHeaders }, unwanted: (name: string) => boolean): void {
  response.headers = response.headers.filter((_, i, all) => {
    const at = i - (i % 2)
    if (all[at]?.length !== 10 || headerKind(all[at]) !== 'set-cookie') return true
    const [first, second] = (all[at + 1] ?? '').split(';', 1)[0]?.split('=', 3) ?? []
    const name = first?.trim() ?? ''
    // A nameless cookie comes back as its value alone (RFC 6265bis 5.8.3), in which there may be another name.
    return !unwanted(name === '' ? (second?.trim() ?? '') : name)
  })
}
