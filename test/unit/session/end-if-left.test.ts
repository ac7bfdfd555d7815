/** The end of a session that a change only makes likely: an app that has deleted its file, and said nothing. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Changes } from '../../../src/carrier/carrier.ts'
import type { Session } from '../../../src/session/session.ts'
import { changes, committed, entries, PLAIN, type Subject, subject, texts } from './session-subject.ts'

let at: Subject
let session: Session
/** The file is gone, and the cookie that named it is all that is left. */
const logout: Changes = { ...changes({ gone: '' }, ['file']), endIfLeft: entries({ cookie: 'id one', gone: '' }) }

beforeEach(async () => {
  at = subject()
  session = await at.made(entries({ cookie: 'id one', file: 'ada' }))
})

const stateOf = async ({ token }: Session): Promise<string> => (await at.store.open(token.storeKey, {})).state

describe('a change that leaves nothing but what it names', () => {
  it('ends the session, and nothing in flight brings it back', async () => {
    const beside = await at.opened(session)
    expect(await at.sessions.commit(await at.opened(session), logout, PLAIN)).toEqual({ state: 'ended' })
    expect(await stateOf(session)).toBe('destroyed')
    expect(await at.sessions.commit(beside, changes({ file: 'late' }), PLAIN)).toEqual({ state: 'gone' })
    expect(at.reported.filter((what) => what === 'destroyed')).toEqual(['destroyed'])
  })

  it('ends it with the lease held, which nobody has to wait out', async () => {
    const locked = await at.opened(session, { touch: true, wait: { ms: 0, signal: new AbortController().signal } })
    expect(await at.sessions.commit(locked, logout, { ...PLAIN, release: true })).toEqual({ state: 'ended' })
    expect([await stateOf(session), locked.lease]).toEqual(['destroyed', undefined])
  })

  it('leaves a session whose token a login has rotated, and follows it with the change alone', async () => {
    const before = await at.opened(session)
    const after = committed(await at.sessions.commit(session, { ...changes({ cookie: 'id two', new: 'ada' }), rotate: true }, PLAIN))
    committed(await at.sessions.commit(before, logout, PLAIN))
    expect(texts(await at.opened(after))).toEqual({ cookie: 'id two', new: 'ada', gone: '' })
  })

  it.each([
    ['changed', { cookie: 'id two' }],
    ['added', { lang: 'de' }],
  ])('leaves a session to which another request has %s something', async (_, others) => {
    const before = await at.opened(session)
    committed(await at.sessions.commit(session, changes(others), PLAIN))
    committed(await at.sessions.commit(before, logout, PLAIN))
    expect(texts(await at.opened(session))).toEqual({ cookie: 'id one', gone: '', ...others })
  })

  it('leaves a session in which this request itself has written over another one', async () => {
    const before = await at.opened(session)
    committed(await at.sessions.commit(session, changes({ lang: 'de' }), PLAIN))
    committed(await at.sessions.commit(before, changes({ cookie: 'id one' }), PLAIN))
    committed(await at.sessions.commit(before, logout, PLAIN))
    expect(texts(await at.opened(session))).toEqual({ cookie: 'id one', gone: '', lang: 'de' })
  })

  it.each([['has more', { more: 'x' }], ['has another value for it', { cookie: 'id two' }]])('leaves a session that %s', async (_, more) => {
    committed(await at.sessions.commit(session, changes(more), PLAIN))
    committed(await at.sessions.commit(await at.opened(session), logout, PLAIN))
    expect(await stateOf(session)).toBe('record')
  })
})
