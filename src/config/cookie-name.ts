/** Names of cookies as configuration has them, `*` and `?` included. */
import { right, wrong, type Parsed } from './parsed.ts'

/** A token of RFC 9110, as RFC 6265bis asks of servers that set cookies. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

export function parseTokenCookieName(text: string): Parsed<string> {
  const prefix = /^__(?:host|secure)-/i.exec(text)
  if (prefix !== null) {
    return wrong('has a prefix that unstick adds by itself where the cookie is secure', { instead: text.slice(prefix[0].length) })
  }
  // `*` is legal in a token, but means a pattern everywhere else in this configuration.
  if (!TOKEN.test(text) || text.includes('*')) return wrong('is not the name of a cookie', { allowed: "letters, digits and !#$%&'+-.^_`|~" })
  return right(text)
}

/** The exact name of one of the app's cookies, such as the one that carries the id of a session file. */
export function parseAppCookieName(text: string): Parsed<string> {
  if (text.includes('*')) return wrong('is a pattern, and has to be the name of one cookie')
  if (!TOKEN.test(text)) return wrong('is not the name of a cookie', { allowed: "letters, digits and !#$%&'+-.^_`|~" })
  return right(text)
}

/** `*` stands for any characters, none included; `?` for exactly one. */
export function parseNamePattern(text: string): Parsed<string> {
  if (/^[*?]+$/.test(text) && text.includes('*')) return wrong('would take every cookie of the app, those that scripts need included')
  if (!TOKEN.test(text.replaceAll('?', 'x'))) return wrong('is not the name of a cookie', { allowed: "letters, digits and !#$%&'+-.^_`|~, * for any characters, ? for one" })
  return right(text)
}
