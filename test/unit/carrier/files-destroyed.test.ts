/** Apps that end a session by deleting its file, and leave its cookie: PHP's session_destroy, Tomcat's invalidate. */
import { mkdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/carrier/carrier.ts'
import { fileNames } from '../../../src/carrier/files/rule.ts'
import { writeCookie } from '../../../src/carrier/stored-cookie.ts'
import { Visitor } from '../../conformance/carrier-subject.ts'
import { COOKIE, sessionApp, type SessionApp } from '../../support/session-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts'

let root: TemporaryFolder
let here: SessionApp
let visitor: Visitor

beforeEach(async () => {
  root = await temporaryFolder()
  mkdirSync(join(root.path, 'a'))
  here = sessionApp(join(root.path, 'a'))
  visitor = new Visitor()
})
afterEach(async () => { await root[Symbol.asyncDispose]() })

/** A visitor with id `abc`, known to both sides. */
async function signedIn(): Promise<void> {
  await here.request(visitor, () => { writeFileSync(here.path('abc'), 'user=1'); return [`${COOKIE}=abc`] })
  visitor.cookies.set(COOKIE, 'abc')
}

const cookieNamed = (name: string, value = 'abc'): Entry =>
  ({ value: writeCookie({ name, value, host: 'a.example', domain: undefined, path: '/', secure: false, createdAt: 0 }), expiresAt: undefined })

describe('a deleted file', () => {
  it('ends the session when nothing but the cookie that named it is left', async () => {
    await signedIn()
    visitor.entries.set('cookie:sid', cookieNamed(COOKIE))
    await here.request(visitor, () => { unlinkSync(here.path('abc')) })
    expect(visitor.entries.size).toBe(0)
  })

  it('leaves a mark, and the session, when the answer broke off: the app may have lost its files in a crash', async () => {
    await signedIn()
    visitor.entries.set('cookie:sid', cookieNamed(COOKIE))
    const { endIfLeft } = await here.request(visitor, () => { unlinkSync(here.path('abc')) }, 'broken')
    expect([endIfLeft, [...visitor.entries.keys()].map((name) => name.split(';').at(-1))]).toEqual([undefined, ['cookie:sid', 'gone']])
  })

  it('leaves the session when the cookie has come to name another id meanwhile', async () => {
    await signedIn()
    visitor.entries.set('cookie:sid', cookieNamed(COOKIE))
    await here.request(visitor, () => {
      unlinkSync(here.path('abc'))
      visitor.entries.set('cookie:sid', { value: Buffer.from('another'), expiresAt: undefined })
    })
    expect(visitor.entries.has('cookie:sid')).toBe(true)
  })

  it.each([
    ['another cookie', () => cookieNamed('lang')],
    ['an entry of another carrier', () => ({ value: new Uint8Array(), expiresAt: undefined })],
  ])('does not end the session when %s is left', async (what, entry) => {
    await signedIn()
    visitor.entries.set(what.includes('cookie') ? 'cookie:lang' : 'attribute', entry())
    const changes = await here.request(visitor, () => { unlinkSync(here.path('abc')) })
    expect(visitor.entries.has(what.includes('cookie') ? 'cookie:lang' : 'attribute')).toBe(true)
    expect([changes.set.size, changes.remove.size]).toEqual([1, 1])
  })

  it('does not end the session when the app has set its cookie again', async () => {
    await signedIn()
    const changes = await here.request(visitor, () => { unlinkSync(here.path('abc')); return [`${COOKIE}=abc`] })
    expect(changes.endIfLeft).toBeUndefined()
  })
})

describe('what is left of files under ids that the session had before', () => {
  const OLD = fileNames(COOKIE, 'old')
  const entry: Entry = { value: Buffer.from('x'), expiresAt: undefined }

  beforeEach(async () => {
    await signedIn()
    for (const name of [OLD.content, OLD.gone]) visitor.entries.set(name, entry)
  })

  it('goes with the next change', async () => {
    visitor.entries.set('cookie:sid', cookieNamed(COOKIE))
    await here.request(visitor, () => { writeFileSync(here.path('abc'), 'user=1, basket') })
    expect([...visitor.entries.keys()]).toEqual([fileNames(COOKIE, 'abc').content, 'cookie:sid'])
  })

  it('keeps no session after a logout', async () => {
    visitor.entries.set('cookie:sid', cookieNamed(COOKIE))
    await here.request(visitor, () => { unlinkSync(here.path('abc')) })
    expect(visitor.entries.size).toBe(0)
  })

  it.each([['another cookie of the session names it', 'old'], ['the session does not keep the cookie itself', undefined]])('stays when %s', async (_, id) => {
    if (id !== undefined) for (const each of [id, 'abc']) visitor.entries.set(`cookie:${each}`, cookieNamed(COOKIE, each))
    await here.request(visitor, () => { writeFileSync(here.path('abc'), 'user=1, basket') })
    expect(visitor.entries.has(OLD.content)).toBe(true)
  })
})
