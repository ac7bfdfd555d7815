import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { countingStore } from '../support/counting-store.ts'
import { httpApp } from '../support/origin-app.ts'
import { ask, get, headerValues } from '../support/raw-client.ts'
import { runSidecar, SECRET } from '../support/running-sidecar.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const OTHER_SECRET = 'another secret, of which the sidecar knows nothing'

/** A valid token of a session with `sid=mine`, and a store that starts to count after it was made. */
async function withToken(body: (context: { token: string; request: (cookie: string, target?: string) => Promise<{ status: number; body: string; setCookies: string[] }>; calls: () => Record<string, number>; another: () => Promise<string> }) => Promise<void>): Promise<void> {
  const store = countingStore(memoryStore({ clock: systemClock }))
  await using app = await httpApp(cookieApp)
  await using sidecar = await runSidecar(app, { store })
  const visitor = new TokenHolder(sidecar.address)
  await visitor.get('/set?mine')
  const before = { ...store.calls }
  await body({
    token: visitor.cookie?.slice('unstick='.length) ?? '',
    async request(cookie, target = '/') {
      const response = await ask(sidecar.address, get(target, [`Cookie: ${cookie}`]))
      return { status: response.status, body: response.body, setCookies: headerValues(response, 'set-cookie') }
    },
    async another() {
      const visits = new TokenHolder(sidecar.address)
      await visits.get('/set?another')
      return visits.cookie?.slice('unstick='.length) ?? ''
    },
    calls: () => Object.fromEntries(Object.entries(store.calls).map(([name, count]) => [name, count - (before[name] ?? 0)]).filter(([, count]) => count !== 0)),
  })
}

const flip = (text: string, at: number): string => text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1)

describe('a token that is not one of ours is no session, no error, and no reason to ask the store', () => {
  const bad: Record<string, (token: string) => string> = {
    'empty': () => '',
    'a word': () => 'token',
    'truncated by one': (token) => token.slice(0, -1),
    'truncated by half': (token) => token.slice(0, 40),
    'longer by one': (token) => `${token}A`,
    'with another MAC': (token) => flip(token, token.length - 2),
    'with another random part': (token) => flip(token, 20),
    'with another key id': (token) => flip(token, 0),
    'with a later version': (token) => token.replace(/\.1\./, '.2.'),
    'with a huge version': (token) => token.replace(/\.1\./, '.zzzzzzzzzzzzzzz.'),
    'in quotes': (token) => `"${token}"`,
    'percent-encoded': (token) => token.replace('.', '%2E'),
    'in upper case': (token) => token.toUpperCase(),
    'without a MAC': (token) => token.slice(0, token.lastIndexOf('.')),
    'with a NUL spelled out': (token) => `${token}%00`,
    'with a MAC of nothing': (token) => `${token.slice(0, token.lastIndexOf('.'))}.${createHmac('sha256', '').update(token).digest('base64url').slice(0, 22)}`,
    'of 20 KB': (token) => token.repeat(250).slice(0, 20_000),
    'of bytes beyond ASCII': () => 'caf\u00e9\u00ff'.repeat(12),
    'with another base64': (token) => token.replaceAll('-', '+').replaceAll('_', '/').replace(/^(.{10})./, '$1+'),
  }
  it.each(Object.keys(bad))('%s', (what) => withToken(async ({ token, request, calls }) => {
    const forged = bad[what]?.(token) ?? ''
    expect(forged).not.toBe(token)
    expect(await request(`unstick=${forged}`)).toEqual({ status: 200, body: '', setCookies: [] })
    expect(calls()).toEqual({})
  }))

  it('of another secret', async () => {
    await using app = await httpApp(cookieApp)
    await using foreign = await runSidecar(app, { secrets: [OTHER_SECRET] })
    const visitor = new TokenHolder(foreign.address)
    await visitor.get('/set?mine')
    const store = countingStore(memoryStore({ clock: systemClock }))
    await using sidecar = await runSidecar(app, { store })
    expect((await new TokenHolder(sidecar.address, visitor.cookie).get('/')).body).toBe('')
    expect(store.calls).toEqual({})
  })

  it('a thousand of them in one head', () => withToken(async ({ request, calls }) => {
    const flood = Array.from({ length: 300 }, (_, i) => `unstick=${String(i).padStart(6, '0')}${'A'.repeat(43)}.1.${'A'.repeat(22)}`).join('; ')
    expect(await request(flood)).toEqual({ status: 200, body: '', setCookies: [] })
    expect(calls()).toEqual({})
  }))
})

describe('a token that is one of ours', () => {
  it('opens its session with one call of the store', () => withToken(async ({ token, request, calls }) => {
    expect((await request(`unstick=${token}`)).body).toBe('sid=mine')
    expect(calls()).toEqual({ open: 1 })
  }))

  it('counts beside forged ones, before and behind them', () => withToken(async ({ token, request }) => {
    expect((await request(`unstick=forged; a=1; unstick=${token}; unstick=other`)).body).toBe('a=1; sid=mine')
  }))

  it('of a session that is gone is no session, and the next one gets a token of its own', () => withToken(async ({ token, request }) => {
    const ended = await request(`unstick=${token}`, '/end')
    expect(ended.setCookies).toEqual([expect.stringMatching(/^unstick=;.*Max-Age=0/)])
    expect((await request(`unstick=${token}`)).body).toBe('')
    const again = await request(`unstick=${token}`, '/set?new')
    expect(again.setCookies).toHaveLength(1)
    expect(again.setCookies[0]).not.toContain(token.slice(6, 40))
  }))

  it('of a session that is gone does not stand in the way of one behind it: browsers keep cookies of other paths and domains', () => withToken(async ({ token, request, calls, another }) => {
    const gone = await another()
    await request(`unstick=${gone}`, '/end')
    const before = calls()['open'] ?? 0
    expect(await request(`unstick=${gone}; unstick=${token}`)).toEqual({ status: 200, body: 'sid=mine', setCookies: [] })
    expect((calls()['open'] ?? 0) - before).toBe(2)
    // Changed and ended as if it were alone.
    expect((await request(`unstick=${gone}; unstick=${token}`, '/set?changed')).status).toBe(200)
    expect((await request(`unstick=${token}`)).body).toBe('sid=changed')
    expect((await request(`unstick=${gone}; unstick=${token}`, '/end')).setCookies).toEqual([expect.stringMatching(/^unstick=;.*Max-Age=0/)])
    expect((await request(`unstick=${token}`)).body).toBe('')
  }))

  it('of two whose sessions are alive is the first, which browsers send for the longer path; the other is not touched', () => withToken(async ({ token, request, calls, another }) => {
    const other = await another()
    expect(await request(`unstick=${other}; unstick=${token}`, '/set?theirs')).toMatchObject({ body: 'sid=another' })
    expect((await request(`unstick=${other}`)).body).toBe('sid=theirs')
    const before = calls()
    expect((await request(`unstick=${token}; unstick=${other}`)).body).toBe('sid=mine')
    expect((calls()['open'] ?? 0) - (before['open'] ?? 0)).toBe(1)
  }))

  it('of sessions that are all gone costs four calls of the store at the most, and the same one twice costs one', () => withToken(async ({ token, request, calls, another }) => {
    const gone: string[] = []
    for (let i = 0; i < 6; i += 1) gone.push(await another())
    for (const one of gone) await request(`unstick=${one}`, '/end')
    const opened = async (cookies: readonly string[]): Promise<[string, number]> => {
      const before = calls()['open'] ?? 0
      const { body } = await request(cookies.map((one) => `unstick=${one}`).join('; '))
      return [body, (calls()['open'] ?? 0) - before]
    }
    expect(await opened([...gone, token])).toEqual(['', 4])
    const [first = ''] = gone
    expect(await opened([first, first, first])).toEqual(['', 1])
  }))

  it('of a session that ran out is no session', async () => {
    let now = 1_800_000_000_000
    const store = memoryStore({ clock: { now: () => now } })
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app, { store })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    now += 1_799_000
    expect((await visitor.get('/')).body).toBe('sid=mine')
    now += 1_801_000
    expect(await visitor.get('/')).toMatchObject({ status: 200, body: '' })
  })

  it('works on while its secret is not the newest, and is exchanged for one that is', async () => {
    const store = memoryStore({ clock: systemClock })
    await using app = await httpApp(cookieApp)
    await using before = await runSidecar(app, { store })
    const visitor = new TokenHolder(before.address)
    await visitor.get('/set?mine')
    const first = visitor.cookie
    await using after = await runSidecar(app, { store: { ...countingStore(store), close: async () => undefined }, secrets: [OTHER_SECRET, SECRET] })
    const rotated = new TokenHolder(after.address, first)
    expect((await rotated.get('/')).body).toBe('sid=mine')
    expect(rotated.cookie).not.toBe(first)
    expect((await rotated.get('/')).body).toBe('sid=mine')
  })
})
