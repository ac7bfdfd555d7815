/**
 * Cookies on the wire: reading and writing Cookie and Set-Cookie, and the matching rules of RFC 6265bis
 * (draft-ietf-httpbis-rfc6265bis-22). Pure functions. Values are opaque: no decoding, quotes are part of the value.
 */

/** One pair of a Cookie header, as its characters came. */
export interface CookiePair {
  readonly name: string
  readonly value: string
}

/** Splits a Cookie header the way servers do (RFC 6265bis 4.2.1, read leniently): bad pairs stay, as nameless values. */
export function parseCookieHeader(header: string): CookiePair[] {
  const pairs: CookiePair[] = []
  let start = 0
  while (start < header.length) {
    let end = header.indexOf(';', start)
    if (end === -1) end = header.length
    const equals = header.indexOf('=', start)
    const named = equals !== -1 && equals < end
    const name = named ? trimmed(header, start, equals) : ''
    const value = trimmed(header, named ? equals + 1 : start, end)
    if (name !== '' || value !== '') pairs.push({ name, value })
    start = end + 1
  }
  return pairs
}

/** Without the spaces and tabs at both ends. `String.trim` takes more: among it A0, a byte with which many words in UTF-8 end. */
function trimmed(text: string, start = 0, end = text.length): string {
  while (start < end && isSpace(text.charCodeAt(start))) start += 1
  while (end > start && isSpace(text.charCodeAt(end - 1))) end -= 1
  return text.slice(start, end)
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09

export function formatCookieHeader(pairs: readonly CookiePair[]): string {
  let header = ''
  for (const { name, value } of pairs) {
    if (header !== '') header += '; '
    // A nameless value with a `=` in it keeps the one before it, or its first half would become a name.
    header += name === '' && !value.includes('=') ? value : `${name}=${value}`
  }
  return header
}

/** One Set-Cookie header, with the attributes that decide when the cookie comes back. */
export interface SetCookie {
  readonly name: string
  readonly value: string
  /** Lower case, without a leading dot; undefined: host-only. */
  readonly domain: string | undefined
  /** As sent when it starts with `/`; undefined: the default path of the request applies. */
  readonly path: string | undefined
  /** Seconds from now; wins over `expires`. */
  readonly maxAgeS: number | undefined
  /** Milliseconds since the epoch. */
  readonly expires: number | undefined
  readonly secure: boolean
}

/** RFC 6265bis 5.6. undefined: to be ignored, as a browser would (nameless and valueless, or with control characters). */
export function parseSetCookie(header: string): SetCookie | undefined {
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(header)) return undefined
  const parts = header.split(';')
  const pair = parts[0] ?? ''
  const equals = pair.indexOf('=')
  const name = equals === -1 ? '' : trimmed(pair, 0, equals)
  const value = trimmed(pair, equals + 1)
  if (name === '' && value === '') return undefined
  let domain: string | undefined
  let path: string | undefined
  let maxAgeS: number | undefined
  let expires: number | undefined
  let secure = false
  for (let i = 1; i < parts.length; i += 1) {
    const part = parts[i] ?? ''
    const at = part.indexOf('=')
    const key = trimmed(part, 0, at === -1 ? part.length : at).toLowerCase()
    const text = at === -1 ? '' : trimmed(part, at + 1)
    if (key === 'domain') domain = text.replace(/^\./, '').toLowerCase() || undefined
    else if (key === 'path') path = text.startsWith('/') ? text : undefined
    else if (key === 'max-age') {
      if (/^-?\d+$/.test(text)) maxAgeS = Number(text)
    } else if (key === 'expires') {
      const time = parseCookieDate(text)
      if (time !== undefined) expires = time
    } else if (key === 'secure') secure = true
  }
  return { name, value, domain, path, maxAgeS, expires, secure }
}

/** What a Set-Cookie says beside where the cookie goes and how long it lasts, in a spelling of our own: `; HttpOnly; SameSite=Lax`. */
export function furtherAttributes(header: string): string {
  const said = new Map<string, string>()
  for (const part of header.split(';').slice(1)) {
    const [key = '', text = ''] = part.split('=', 2)
    said.set(trimmed(key).toLowerCase(), trimmed(text))
  }
  const sameSite = /^(?:strict|lax|none)$/i.exec(said.get('samesite') ?? '')?.[0]
  return `${said.has('httponly') ? '; HttpOnly' : ''}${sameSite === undefined ? '' : `; SameSite=${sameSite}`}${said.has('partitioned') ? '; Partitioned' : ''}`
}

/** The name that `parseSetCookie` would find; empty for a nameless cookie. */
export function setCookieName(header: string): string {
  const end = header.indexOf(';')
  const equals = header.indexOf('=')
  return equals === -1 || (end !== -1 && end < equals) ? '' : trimmed(header, 0, equals)
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

/** RFC 6265bis 5.1.1: the forgiving date grammar of cookies. Milliseconds since the epoch; undefined: no date. */
export function parseCookieDate(text: string): number | undefined {
  let time: RegExpExecArray | null = null
  let day: number | undefined
  let month: number | undefined
  let year: number | undefined
  for (const token of text.split(/[\t\u0020-\u002f\u003b-\u0040\u005b-\u0060\u007b-\u007e]+/)) {
    if (token === '') continue
    const clock: RegExpExecArray | null = time === null ? /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\D|$)/.exec(token) : null
    if (clock !== null) { time = clock; continue }
    const isDay: RegExpExecArray | null = day === undefined ? /^(\d{1,2})(?:\D|$)/.exec(token) : null
    if (isDay !== null) { day = Number(isDay[1]); continue }
    const isMonth = month === undefined ? MONTHS.indexOf(token.slice(0, 3).toLowerCase()) : -1
    if (isMonth !== -1) { month = isMonth; continue }
    const isYear: RegExpExecArray | null = year === undefined ? /^(\d{2,4})(?:\D|$)/.exec(token) : null
    if (isYear !== null) year = Number(isYear[1])
  }
  if (time === null || day === undefined || month === undefined || year === undefined) return undefined
  if (year >= 70 && year <= 99) year += 1900
  else if (year <= 69) year += 2000
  const [hour, minute, second] = [Number(time[1]), Number(time[2]), Number(time[3])]
  if (day < 1 || day > 31 || year < 1601 || hour > 23 || minute > 59 || second > 59) return undefined
  const at = Date.UTC(year, month, day, hour, minute, second)
  return new Date(at).getUTCDate() === day ? at : undefined
}

/** RFC 6265bis 5.1.3: whether a cookie of `domain` goes to `host`; both lower case. IP addresses match only themselves. */
export function domainMatches(host: string, domain: string): boolean {
  if (host === domain) return true
  return host.endsWith(`.${domain}`) && !/^[\d.]+$|:/.test(host)
}

/** RFC 6265bis 5.1.4: whether a cookie of `cookiePath` goes with a request for `requestPath`. */
export function pathMatches(requestPath: string, cookiePath: string): boolean {
  if (!requestPath.startsWith(cookiePath)) return false
  return requestPath.length === cookiePath.length || cookiePath.endsWith('/') || requestPath[cookiePath.length] === '/'
}

/** RFC 6265bis 5.1.4: the path of a cookie that names none, from the path of the request that brought it. */
export function defaultPath(requestPath: string): string {
  const slash = requestPath.lastIndexOf('/')
  return slash <= 0 || !requestPath.startsWith('/') ? '/' : requestPath.slice(0, slash)
}
