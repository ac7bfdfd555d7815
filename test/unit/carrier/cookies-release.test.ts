import { describe, expect, it } from 'vitest'
import { readCookie, writeCookie } from '../../../src/carrier/stored-cookie.ts'
import { vaultedApp } from './vaulted-app.ts'

/** A sidecar that hands cookies back, and what it counts. */
function releasing(names: readonly string[]) {
  const counts: string[] = []
  const app = vaultedApp(names, { release: { telemetry: { cookieReleased: (result, count) => { for (let i = 0; i < count; i += 1) counts.push(result) } } } })
  return { app, counts }
}

describe('a cookie of the session', () => {
  it('is handed back as the app had set it, and is heard meanwhile', async () => {
    const { app, counts } = releasing(['sid'])
    const before = vaultedApp(['sid'], {}, app.visitor)
    await before.request(['sid=1; Path=/shop; Domain=app.example; Max-Age=600; Secure; httponly; SameSite=strict; Priority=High'], { path: '/shop' })
    const { heard, passed } = await app.request([], { path: '/shop/cart' })
    expect([heard, passed]).toEqual([['sid=1'], ['sid=1; Path=/shop; Domain=app.example; Max-Age=600; Secure; HttpOnly; SameSite=strict']])
    expect(counts).toEqual(['handed'])
  })

  it('is handed back from any page of its host, and not again where the client cannot be asked for it', async () => {
    const { app } = releasing(['sid'])
    await vaultedApp(['sid'], {}, app.visitor).request(['sid=1; Path=/shop'])
    expect((await app.request([], { path: '/' })).passed).toEqual(['sid=1; Path=/shop'])
    expect((await app.request([], { path: '/' })).passed).toEqual([])
    expect((await app.request([], { path: '/', host: 'other.example' })).passed).toEqual([])
  })

  it('is kept from scripts where nobody knows any more whether the app did', async () => {
    const { app } = releasing(['sid'])
    await app.request(['sid=1; Path=/'])
    const [[name, entry] = []] = app.visitor.entries
    if (name === undefined || entry === undefined) throw new Error('nothing is stored')
    const { attributes: _, released: __, ...old } = readCookie(entry.value)
    app.visitor.entries.set(name, { ...entry, value: writeCookie(old) })
    expect((await app.request()).passed).toEqual(['sid=1; Path=/; HttpOnly'])
  })

  it('is handed back again where the answer did not arrive', async () => {
    const { app } = releasing(['sid'])
    await vaultedApp(['sid'], {}, app.visitor).request(['sid=1; Path=/'])
    for (let i = 0; i < 3; i += 1) expect(await app.request()).toMatchObject({ heard: ['sid=1'], passed: ['sid=1; Path=/'] })
    expect((await app.request([], { sent: ['sid=1'] })).passed).toEqual([])
  })

  it('is passed on as the app sets it, and stored for sidecars that do not release', async () => {
    const { app } = releasing(['sid'])
    expect((await app.request(['sid=1; Path=/; Priority=High'])).passed).toEqual(['sid=1; Path=/; Priority=High'])
    expect((await vaultedApp(['sid'], {}, app.visitor).request([], { sent: ['sid=1'] })).heard).toEqual(['sid=1'])
  })

  it('is not handed back beside what the app says of it in the same answer', async () => {
    const { app } = releasing(['sid'])
    const before = vaultedApp(['sid'], {}, app.visitor)
    await before.request(['sid=1; Path=/'])
    expect((await app.request(['sid=1; Path=/; HttpOnly'])).passed).toEqual(['sid=1; Path=/; HttpOnly'])
    await before.request(['sid=2; Path=/'])
    expect((await app.request(['sid=3; Path=/'])).passed).toEqual(['sid=3; Path=/'])
    await before.request(['sid=4; Path=/'])
    expect((await app.request(['sid=; Path=/; Max-Age=0'])).passed).toEqual(['sid=; Path=/; Max-Age=0'])
    expect([...app.visitor.entries]).toEqual([])
  })

  it("is the store's where a sidecar that does not release has written it since, whatever the client has", async () => {
    const { app } = releasing(['sid'])
    const keeping = vaultedApp(['sid'], {}, app.visitor)
    await app.request(['sid=1; Path=/'])
    await app.request([], { sent: ['sid=1'] })
    await keeping.request(['sid=2; Path=/'], { sent: ['sid=1'] })
    expect(await app.request([], { sent: ['sid=1'] })).toMatchObject({ heard: ['sid=2'], passed: ['sid=2; Path=/'] })
  })

  it("is the client's where somebody without a sidecar has set it since, and leaves the store", async () => {
    const { app, counts } = releasing(['sid'])
    await app.request(['sid=1; Path=/'])
    await app.request([], { sent: ['sid=1'] })
    expect(await app.request([], { sent: ['sid=2'] })).toMatchObject({ heard: ['sid=2'], passed: [] })
    expect([...app.visitor.entries]).toEqual([])
    expect(counts).toEqual(['returned'])
    expect((await app.request([], { sent: ['sid=3'] })).heard).toEqual(['sid=3'])
  })

  it('stays in the store, and is told of, where no browser would take it', async () => {
    const { app, counts } = releasing(['sid'])
    const large = `sid=${'x'.repeat(4_094)}`
    expect((await app.request([`${large}; Path=/`])).passed).toEqual([])
    expect(await app.request()).toMatchObject({ heard: [large], passed: [] })
    expect(counts).toContain('too_large')
    expect(app.log.lines).toMatchObject([{ level: 'warn', detail: { cookie: 'sid' } }])
    expect(JSON.stringify(app.log.lines)).not.toContain('xxx')
  })

  it('that a client has by itself goes to the app where there is no session', async () => {
    const { app } = releasing(['sid'])
    expect((await app.request([], { sent: ['sid=own', 'SID=folded'] })).heard).toEqual(['sid=own'])
  })

  it("ends with a logout before a sidecar that does not release: the client's copy goes too", async () => {
    const { app } = releasing(['sid'])
    await app.request(['sid=1; Path=/; Domain=app.example'])
    const out = await vaultedApp(['sid'], {}, app.visitor).request(['sid=; Path=/; Domain=app.example; Max-Age=0'], { sent: ['sid=1'] })
    expect(out.passed).toEqual(['sid=; Path=/; Domain=app.example; Max-Age=0'])
    expect((await app.request()).heard).toEqual([])
  })
})
