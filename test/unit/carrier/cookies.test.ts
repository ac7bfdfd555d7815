import { describe, expect, it } from 'vitest'
import { vaultedApp } from './vaulted-app.ts'

const sizeOf = ({ set, remove }: { set: ReadonlyMap<unknown, unknown>; remove: ReadonlySet<unknown> }): number => set.size + remove.size

describe('a vaulted cookie', () => {
  it('goes to the session instead of the client, and back to the app', async () => {
    const app = vaultedApp(['sid'])
    const { passed } = await app.request(['sid=1; Path=/; HttpOnly', 'theme=dark', 'Sid=2'])
    expect(passed).toEqual(['theme=dark', 'Sid=2'])
    expect((await app.request()).heard).toEqual(['sid=1'])
  })

  it('stands after what the client keeps itself', async () => {
    const app = vaultedApp(['sid'])
    await app.request(['sid=1'])
    expect((await app.request([], { cookies: [{ name: 'theme', value: 'dark' }] })).heard).toEqual(['theme=dark', 'sid=1'])
  })

  it.each([4_097, 100_000, 1_000_000])('may have %i bytes, which no browser would keep', async (length) => {
    const app = vaultedApp(['sid'])
    await app.request([`sid=${'x'.repeat(length)}`])
    expect((await app.request()).heard).toEqual([`sid=${'x'.repeat(length)}`])
  })

  it('keeps every byte of its value', async () => {
    const app = vaultedApp(['sid'])
    const value = `"a=b"\\%20${Buffer.from('voilà ☕').toString('latin1').replace(' ', '_')}`
    await app.request([`sid=${value}`])
    expect((await app.request()).heard).toEqual([`sid=${value}`])
  })

  it('is chosen by globs too', async () => {
    const app = vaultedApp(['remember_*'])
    expect((await app.request(['remember_web_1=a', 'remember=b', 'remember_=c'])).passed).toEqual(['remember=b'])
    expect((await app.request()).heard).toEqual(['remember_web_1=a', 'remember_=c'])
  })

  it('may stand on several paths under one name, the longest path first', async () => {
    const app = vaultedApp(['sid'])
    await app.request(['sid=root; Path=/', 'sid=deep; Path=/a/b', 'sid=a; Path=/a', 'sid=default'], { path: '/x/y' })
    expect((await app.request([], { path: '/a/b/c' })).heard).toEqual(['sid=deep', 'sid=a', 'sid=root'])
    expect((await app.request([], { path: '/x/z' })).heard).toEqual(['sid=default', 'sid=root'])
    expect((await app.request(['sid=; Path=/a; Max-Age=0'], { path: '/a' })).heard).toEqual(['sid=a', 'sid=root'])
    expect((await app.request([], { path: '/a' })).heard).toEqual(['sid=root'])
  })

  it('has an entry of its own for each domain and path, however long', async () => {
    const app = vaultedApp(['sid'])
    const path = `/${'p'.repeat(2_000)}`
    await app.request([`sid=1; Path=${path}1`, `sid=2; Path=${path}2`, 'sid=3; Domain=app.example', 'sid=4'], { path: '/' })
    expect(app.visitor.entries.size).toBe(4)
    for (const name of app.visitor.entries.keys()) expect(name.length).toBeLessThanOrEqual(512)
    expect((await app.request([], { path: `${path}2/x` })).heard).toEqual(['sid=2', 'sid=3', 'sid=4'])
  })

  it('goes to subdomains only when it has a Domain', async () => {
    const app = vaultedApp(['sid', 'wide'])
    await app.request(['sid=1', 'wide=1; Domain=.App.Example'])
    expect((await app.request([], { host: 'sub.app.example' })).heard).toEqual(['wide=1'])
    expect((await app.request([], { host: 'other.example' })).heard).toEqual([])
  })

  it('that is set and taken away in one response is not there, and the other way round it is', async () => {
    const app = vaultedApp(['sid'])
    await app.request(['sid=1', 'sid=; Max-Age=0'])
    expect(app.visitor.entries.size).toBe(0)
    await app.request(['sid=1'])
    await app.request(['sid=; Max-Age=0', 'sid=1'])
    expect((await app.request()).heard).toEqual(['sid=1'])
    await app.request(['sid=2', 'sid=; Max-Age=0'])
    expect((await app.request()).heard).toEqual([])
  })
})

describe('its expiry', () => {
  const DAY_S = 86_400

  it.each([['Max-Age=0'], ['Max-Age=-1'], ['Expires=Thu, 01 Jan 1970 00:00:00 GMT'], ['Max-Age=0; Expires=Fri, 31 Dec 9999 23:59:59 GMT']])('%s takes it away', async (attribute) => {
    const app = vaultedApp(['sid'])
    await app.request(['sid=1'])
    await app.request([`sid=gone; ${attribute}`])
    expect([...app.visitor.entries]).toEqual([])
  })

  it('comes from Max-Age first, then Expires, and is never later than 400 days', async () => {
    const app = vaultedApp(['a', 'b', 'c', 'd'])
    const now = app.visitor.view().now()
    await app.request([`a=1; Max-Age=60; Expires=${new Date(now - 1000).toUTCString()}`, `b=1; Expires=${new Date(now + 5_000).toUTCString()}`, `c=1; Max-Age=${1_000 * DAY_S}`, 'd=1; Expires=soon'])
    expect([...app.visitor.entries.values()].map(({ expiresAt }) => (expiresAt === undefined ? undefined : expiresAt - now))).toEqual([60_000, 5_000, 400 * DAY_S * 1_000, undefined])
  })

  it('is not written again by a repeated cookie, unless it moved by the touch interval', async () => {
    const app = vaultedApp(['sid'])
    const now = app.visitor.view().now()
    const at = (ms: number): string => `sid=1; Expires=${new Date(now + ms).toUTCString()}`
    await app.request([at(7_200_000)])
    expect(sizeOf((await app.request([at(7_200_000)])).changes)).toBe(0)
    expect(sizeOf((await app.request([at(7_259_000)])).changes)).toBe(0)
    expect(sizeOf((await app.request([at(7_260_000)])).changes)).toBe(1)
    expect(sizeOf((await app.request([at(7_259_000)])).changes)).toBe(1)
    expect(sizeOf((await app.request(['sid=1'])).changes)).toBe(1)
    expect(sizeOf((await app.request(['sid=1'])).changes)).toBe(0)
    expect(sizeOf((await app.request(['sid=1; Secure'])).changes)).toBe(1)
    expect(sizeOf((await app.request(['sid=2; Secure'])).changes)).toBe(1)
  })
})

describe('what a browser would not keep', () => {
  it.each([
    ['another Domain', 'sid=1; Domain=other.example', {}, /Domain/],
    ['a Domain below the host', 'sid=1; Domain=sub.app.example', {}, /Domain/],
    ['Secure over http', 'sid=1; Secure', { secure: false }, /https.*trustedProxies/],
    ['__Host- without Secure', '__Host-sid=1; Path=/', {}, /Secure/],
    ['__Host- without Path=/', '__Host-sid=1; Secure', {}, /Path=\/ and no Domain/],
    ['__Host- with a Domain', '__Host-sid=1; Secure; Path=/; Domain=app.example', {}, /Path=\/ and no Domain/],
    ['__secure- without Secure', '__secure-sid=1', {}, /Secure/],
    ['a control character', 'sid=1\u0001', {}, /malformed/],
  ])('is not kept either, and the log says so once: %s', async (_, header, at, why) => {
    const app = vaultedApp(['sid', '__*'])
    for (let i = 0; i < 3; i += 1) {
      const { changes, passed } = await app.request([header], at)
      expect([sizeOf(changes), passed]).toEqual([0, []])
    }
    expect(app.log.lines).toHaveLength(1)
    expect(app.log.lines[0]?.message).toMatch(why)
    expect(app.log.text()).not.toContain('=1')
  })

  it('is kept where the prefix is honoured', async () => {
    const app = vaultedApp(['__*'])
    await app.request(['__Host-a=1; Secure; Path=/', '__Secure-b=2; Secure; Domain=app.example'])
    expect((await app.request()).heard).toEqual(['__Host-a=1', '__Secure-b=2'])
    expect((await app.request([], { secure: false })).heard).toEqual([])
  })

  it('includes a plain cookie over http in the place of a Secure one', async () => {
    const app = vaultedApp(['sid'])
    await app.request(['sid=secure; Secure; Path=/'])
    await app.request(['sid=plain; Path=/'], { secure: false })
    await app.request(['sid=; Max-Age=0; Path=/a'], { secure: false, path: '/a' })
    expect((await app.request()).heard).toEqual(['sid=secure'])
    expect(app.log.lines).toHaveLength(1)
    await app.request(['sid=plain; Path=/'])
    expect((await app.request([], { secure: false })).heard).toEqual(['sid=plain'])
  })

  it('does not fill the log, however many names it comes under', async () => {
    const app = vaultedApp(['*'])
    for (let i = 0; i < 500; i += 1) await app.request([`name${i}=1; Domain=other.example`])
    expect(app.log.lines.length).toBeLessThan(200)
  })
})
