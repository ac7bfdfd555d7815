import type { CookiePair } from '../../src/http/cookies.ts'
import type { RequestHead } from '../../src/http/message.ts'

/** A request for `/` with these cookies, for tests of what only looks at cookies. */
export function requestWith(cookies: readonly CookiePair[], dropped: readonly CookiePair[] = []): RequestHead {
  return { method: 'GET', target: '/', path: '/', host: 'app.example', secure: true, headers: [], cookies: [...cookies], dropped }
}
