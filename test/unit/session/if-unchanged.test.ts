/** What is written only to the session as it was read. */
import { beforeEach, expect, it } from 'vitest'
import type { Changes } from '../../../src/carrier/carrier.ts'
import { changes, committed, entries, IDLE, PLAIN, type Subject, subject, texts } from './session-subject.ts'

let at: Subject
let told: number
beforeEach(() => {
  at = subject()
  told = 0
})

const note = (set: Parameters<typeof entries>[0], remove: readonly string[] = [], rest: Changes = changes({})): Changes =>
  ({ ...rest, ifUnchanged: { set: entries(set), remove: new Set(remove), committed: () => { told += 1 } } })

it('goes with the rest where nobody has written since', async () => {
  const session = await at.made(entries({ a: '1', b: '1', c: '1' }))
  committed(await at.sessions.commit(await at.opened(session), note({ a: 'noted' }, ['b'], changes({ c: '2' })), PLAIN))
  expect([texts(await at.opened(session)), told]).toEqual([{ a: 'noted', c: '2' }, 1])
})

it('is dropped where somebody has, and the rest is written', async () => {
  const session = await at.made(entries({ a: '1', b: '1' }))
  const slow = await at.opened(session)
  committed(await at.sessions.commit(await at.opened(session), changes({ a: '2' }), PLAIN))
  committed(await at.sessions.commit(slow, note({ a: 'noted' }, ['b'], changes({ c: '1' })), PLAIN))
  expect([texts(await at.opened(session)), told]).toEqual([{ a: '2', b: '1', c: '1' }, 0])
})

it('is no reason to write where it is all and somebody has', async () => {
  const session = await at.made(entries({ a: '1' }))
  const slow = await at.opened(session)
  const next = committed(await at.sessions.commit(await at.opened(session), changes({ a: '2' }), PLAIN))
  expect([await at.sessions.commit(slow, note({ a: 'noted' }), PLAIN), told]).toEqual([{ state: 'unchanged' }, 0])
  expect((await at.opened(session)).version).toBe(next.version)
})

it('asks the store even where it writes nothing', async () => {
  const session = await at.made(entries({ a: '1' }))
  const slow = await at.opened(session)
  await at.sessions.commit(await at.opened(session), note({}), PLAIN)
  expect(told).toBe(1)
  await at.sessions.destroy(await at.opened(session))
  expect([await at.sessions.commit(slow, note({}), PLAIN), told]).toEqual([{ state: 'gone' }, 1])
})

it('may take out the last entry, and the session with it', async () => {
  const session = await at.made(entries({ a: '1' }))
  expect([await at.sessions.commit(await at.opened(session), note({}, ['a']), PLAIN), told]).toEqual([{ state: 'ended' }, 1])
})

it('goes along with a rotation, and with what a session leaves that has lapsed', async () => {
  const session = await at.made(entries({ a: '1' }))
  const next = committed(await at.sessions.commit(await at.opened(session), note({ a: 'noted' }, [], { ...changes({ b: '1', remember: ['me', at.clock.now() + 10 * IDLE] }), rotate: true }), PLAIN))
  expect([texts(await at.opened(next)), told]).toEqual([{ a: 'noted', b: '1', remember: 'me' }, 1])
  at.clock.advance(IDLE)
  const anew = committed(await at.sessions.commit(await at.opened(next), note({ remember: ['noted', at.clock.now() + IDLE] }), PLAIN))
  expect([anew.token.storeKey === next.token.storeKey, texts(await at.opened(anew)), told]).toEqual([false, { remember: 'noted' }, 2])
})

it('is dropped by a rotation beside which somebody has written', async () => {
  const session = await at.made(entries({ a: '1' }))
  const slow = await at.opened(session)
  committed(await at.sessions.commit(await at.opened(session), changes({ a: '2' }), PLAIN))
  const next = committed(await at.sessions.commit(slow, note({ a: 'noted' }, [], { ...changes({ b: '1' }), rotate: true }), PLAIN))
  expect([texts(await at.opened(next)), told]).toEqual([{ a: '2', b: '1' }, 0])
})

it('is dropped where the token was rotated since, also for who comes with the old one only then', async () => {
  const session = await at.made(entries({ a: '1' }))
  const slow = await at.opened(session)
  const next = committed(await at.sessions.commit(await at.opened(session), { ...changes({ b: '1' }), rotate: true }, PLAIN))
  await at.sessions.commit(slow, note({ a: 'noted' }), PLAIN)
  await at.sessions.commit(await at.opened(session), note({ a: 'noted' }), PLAIN)
  expect([texts(await at.opened(next)), told]).toEqual([{ a: '1', b: '1' }, 0])
})

it('is dropped where it would make the session too large, and the rest is written', async () => {
  const session = await at.made(entries({ a: '1' }))
  const filled: Record<string, string> = {}
  for (let i = 0; i < 20; i += 1) filled[`n${i}`] = 'x'.repeat(990)
  committed(await at.sessions.commit(await at.opened(session), note(filled, [], changes({ b: '1' })), PLAIN))
  expect([texts(await at.opened(session)), told]).toEqual([{ a: '1', b: '1' }, 0])
})
