/** What the head of a response says about the cookies that carry session ids. */
import type { Millis } from '../../clock.ts'
import { parseSetCookie } from '../../http/cookies.ts'
import type { SetCookie } from '../../http/cookies.ts'
import type { ResponseHead } from '../../http/message.ts'
import type { Rule } from './rule.ts'

/** The fate of a rule's cookie in one response. */
export interface CookieNews {
  /** Ids that the app has set, with the time at which their cookie ends, by the store's clock; undefined: no time of its own. */
  readonly ids: ReadonlyMap<string, Millis | undefined>
  /** The app has taken a cookie of that name away. */
  readonly expired: boolean
  /** A cookie was set that holds no id by the rule's pattern. */
  readonly unreadable: boolean
}

/** No cookie lives longer (RFC 6265bis 5.5). */
const LONGEST_MS: Millis = 400 * 86_400_000

/** Cookies that `response` does not name are not in the answer. Changes nothing. */
export function cookieNews(response: ResponseHead, rules: ReadonlyMap<string, Rule>, now: Millis): ReadonlyMap<Rule, CookieNews> {
  const last = new Map<Rule, Map<string, SetCookie>>()
  for (let i = 0; i + 1 < response.headers.length; i += 2) {
    const name = response.headers[i] ?? ''
    if (name.length !== 10 || name.toLowerCase() !== 'set-cookie') continue
    const cookie = parseSetCookie(response.headers[i + 1] ?? '')
    const rule = cookie === undefined ? undefined : rules.get(cookie.name)
    if (cookie === undefined || rule === undefined) continue
    // A client keeps the last of several for the same place.
    const places = last.get(rule) ?? new Map<string, SetCookie>()
    places.set(`${cookie.domain ?? ''};${cookie.path ?? ''}`, cookie)
    last.set(rule, places)
  }
  const news = new Map<Rule, CookieNews>()
  for (const [rule, places] of last) news.set(rule, newsOf(rule, places.values(), now))
  return news
}

function newsOf(rule: Rule, cookies: Iterable<SetCookie>, now: Millis): CookieNews {
  const ids = new Map<string, Millis | undefined>()
  let expired = false
  let unreadable = false
  for (const cookie of cookies) {
    const endsAt = endOf(cookie, now)
    if (endsAt !== undefined && endsAt <= now) {
      expired = true
      continue
    }
    const id = rule.idOf(cookie.value)
    if (id === undefined) unreadable = true
    else ids.set(id, endsAt)
  }
  return { ids, expired, unreadable }
}

function endOf(cookie: SetCookie, now: Millis): Millis | undefined {
  const at = cookie.maxAgeS === undefined ? cookie.expires : now + cookie.maxAgeS * 1000
  return at === undefined ? undefined : Math.min(at, now + LONGEST_MS)
}
