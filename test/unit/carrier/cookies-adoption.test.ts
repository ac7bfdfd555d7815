import { describe, expect, it } from 'vitest'
import { vaultedApp } from './vaulted-app.ts'

const EXPIRED = 'sid=; Path=/; Max-Age=0'

describe("a client's own copy of a vaulted cookie", () => {
  it('is not for the app, unless it may be adopted', async () => {
    const app = vaultedApp(['sid'])
    const { heard, changes, passed } = await app.request([], { sent: ['sid=own'] })
    expect([heard, changes.set.size, passed]).toEqual([[], 0, []])
  })

  it('is taken in once, heard at once, and expired at the client', async () => {
    const app = vaultedApp(['sid'], { adopt: true })
    const first = await app.request([], { sent: ['sid=own'], path: '/deep/down' })
    expect([first.heard, first.changes.set.size, first.passed]).toEqual([['sid=own'], 1, [EXPIRED]])
    const second = await app.request([], { path: '/elsewhere' })
    expect([second.heard, second.changes.set.size, second.passed]).toEqual([['sid=own'], 0, []])
  })

  it('does not count once the session has its own', async () => {
    const app = vaultedApp(['sid'], { adopt: true })
    await app.request(['sid=vaulted'])
    expect((await app.request([], { sent: ['sid=own'] })).heard).toEqual(['sid=vaulted'])
  })

  it('is only taken in under its exact name', async () => {
    const app = vaultedApp(['sid', 'remember_*'], { adopt: true })
    const { heard } = await app.request([], { sent: ['SID=x', 'sid[]=y', 'remember_a=1', 'remember.a=z'] })
    expect(heard).toEqual(['remember_a=1'])
  })

  it('is the first, when there are several of one name: the one of the longest path', async () => {
    const app = vaultedApp(['sid'], { adopt: true })
    const { heard, passed } = await app.request([], { sent: ['sid=deep', 'sid=root'] })
    expect([heard, passed]).toEqual([['sid=deep'], [EXPIRED]])
    expect((await app.request()).heard).toEqual(['sid=deep'])
  })

  it('is not adopted again after a logout, wherever the app had put it', async () => {
    const app = vaultedApp(['sid'], { adopt: true })
    await app.request([], { sent: ['sid=own'], path: '/app' })
    const out = await app.request(['sid=; Path=/app; Domain=app.example; Max-Age=0'], { sent: ['sid=own'], path: '/app' })
    expect(out.passed).toEqual(['sid=; Path=/app; Domain=app.example; Max-Age=0'])
    expect([...app.visitor.entries]).toEqual([])
    expect((await app.request([], { path: '/app' })).heard).toEqual([])
  })

  it('gives way to what the app sets under its name, on whatever path', async () => {
    const app = vaultedApp(['sid'], { adopt: true })
    await app.request([], { sent: ['sid=own'], path: '/app' })
    await app.request(['sid=new; Path=/app'], { path: '/app' })
    expect((await app.request([], { path: '/app' })).heard).toEqual(['sid=new'])
    expect((await app.request([], { path: '/' })).heard).toEqual([])
  })

  it('gives way in the very response that adopts it', async () => {
    const app = vaultedApp(['sid'], { adopt: true })
    await app.request(['sid=new; Path=/app'], { sent: ['sid=own'], path: '/app' })
    expect((await app.request([], { path: '/app' })).heard).toEqual(['sid=new'])
    expect(app.visitor.entries.size).toBe(1)
    const ended = vaultedApp(['sid'], { adopt: true })
    const { changes } = await ended.request(['sid=; Max-Age=0; Path=/'], { sent: ['sid=own'] })
    expect([changes.set.size, changes.remove.size]).toEqual([0, 0])
  })

  it('is expired with Secure where its name asks for it, or the browser would not heed that', async () => {
    const app = vaultedApp(['__*'], { adopt: true })
    expect((await app.request([], { sent: ['__Host-sid=own'] })).passed).toEqual(['__Host-sid=; Path=/; Max-Age=0; Secure'])
  })
})
