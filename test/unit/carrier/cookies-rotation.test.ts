import { describe, expect, it } from 'vitest'
import { cookiesCarrier } from '../../../src/carrier/cookies.ts'
import type { Changes, Entry } from '../../../src/carrier/carrier.ts'
import { CookieNames } from '../../../src/http/cookie-names.ts'
import type { RequestHead } from '../../../src/http/message.ts'

const carrier = cookiesCarrier({ names: new CookieNames(['sid', 'remember_*']), adopt: false, touchIntervalMs: 60_000, log: { warn: () => undefined } })
const request = (): RequestHead => ({ method: 'GET', target: '/', path: '/', host: 'a.example', secure: true, headers: [], cookies: [], dropped: [] })

async function answer(entries: ReadonlyMap<string, Entry>, ...cookies: string[]): Promise<Changes> {
  const exchange = await carrier.begin({ id: undefined, entries, now: () => 1_000 }, request())
  return exchange.capture({ status: 200, headers: cookies.flatMap((cookie) => ['Set-Cookie', cookie]) })
}

describe('a cookie that the app sets', () => {
  it('asks for a new token when it is the first of its name in a session that was there before', async () => {
    const { set } = await answer(new Map(), 'sid=anonymous')
    expect((await answer(set, 'remember_web=me')).rotate).toBe(true)
  })

  it('asks for none in a session that begins with it, or when only its value is new', async () => {
    const begun = await answer(new Map(), 'sid=one')
    expect(begun.rotate).toBe(false)
    expect((await answer(begun.set, 'sid=two')).rotate).toBe(false)
  })
})
