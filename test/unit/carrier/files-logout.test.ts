/**
 * A file that the app destroys, in a session that goes on for other entries, while another request is on its way, as it can be where a
 * route takes the lock off.
 */
import { existsSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Visitor } from '../../conformance/carrier-subject.ts'
import { COOKIE, sessionApp, type SessionApp } from '../../support/session-app.ts'
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts'

let root: TemporaryFolder
let here: SessionApp
let there: SessionApp
let visitor: Visitor

beforeEach(async () => {
  root = await temporaryFolder()
  for (const name of ['a', 'b']) mkdirSync(join(root.path, name))
  here = sessionApp(join(root.path, 'a'))
  there = sessionApp(join(root.path, 'b'))
  visitor = new Visitor()
  await here.request(visitor, () => { writeFileSync(here.path('abc'), 'user=1'); return [`${COOKIE}=abc`] })
  visitor.cookies.set(COOKIE, 'abc')
  visitor.entries.set('another', { value: Buffer.from('stays'), expiresAt: undefined })
})
afterEach(async () => { await root[Symbol.asyncDispose]() })

const texts = (): string[] => [...visitor.entries.values()].map(({ value }) => new TextDecoder().decode(value)).filter((text) => text !== '' && text !== 'stays')

/** A logout there, in the middle of a request here that writes the file at its end. */
async function loggedOutMeanwhile(): Promise<void> {
  await here.request(visitor, async () => {
    await there.request(visitor, () => { unlinkSync(there.path('abc')) })
    writeFileSync(here.path('abc'), 'user=1, late')
  })
}

describe('a file that was destroyed', () => {
  it('is not brought back by a request that was on its way', async () => {
    await loggedOutMeanwhile()
    for (const app of [here, there]) {
      let found: boolean | undefined
      await app.request(visitor, () => { found = existsSync(app.path('abc')) })
      expect(found).toBe(false)
    }
    // Nor does the store keep what that request left.
    expect(texts()).toEqual([])
  })

  it('is there again when the app makes a new one under its id', async () => {
    await loggedOutMeanwhile()
    await there.request(visitor, () => { writeFileSync(there.path('abc'), 'user=2') })
    let found = ''
    await here.request(visitor, () => { found = readFileSync(here.path('abc'), 'utf8') })
    expect([found, texts()]).toEqual(['user=2', ['user=2']])
  })
})
