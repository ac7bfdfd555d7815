/** A request that held the lease of its session, stood still for longer than the lease lasts, and writes only then. */
import { beforeEach, describe, expect, it } from 'vitest'
import { LEASE_MS } from '../../../src/session/lock.ts'
import type { Session } from '../../../src/session/session.ts'
import type { OpenRequest } from '../../../src/session/sessions.ts'
import { changes, subject, type Subject, texts } from './session-subject.ts'

const LAST = { touch: true, release: true, lock: false }
const LOCKED: OpenRequest = { touch: true, wait: { ms: 1_000, signal: new AbortController().signal } }
const busy = expect.objectContaining({ code: 'session_busy' })
const rotated = (list: string) => ({ ...changes({ list }), rotate: true })

let here: Subject
let made: Session

beforeEach(async () => {
  here = subject()
  made = await here.made(changes({ list: 'login' }).set, LAST)
})

/** As another sidecar, which has the lease by now, or does without one. */
async function elsewhere(request: OpenRequest, act: 'rotates' | 'ends'): Promise<void> {
  const there = here.beside({})
  const session = await there.open(made.token, request)
  if (session === undefined) throw new Error('the session is gone')
  if (act === 'ends') await there.destroy(session)
  else await there.commit(session, rotated('login, cart'), LAST)
}

const now = async () => texts(await here.opened(made))

describe('a holder whose lease ran out', () => {
  it('does not write into the session that another holder has rotated meanwhile', async () => {
    const late = await here.opened(made, LOCKED)
    here.clock.advance(LEASE_MS)
    await elsewhere(LOCKED, 'rotates')
    await expect(here.sessions.commit(late, changes({ list: 'login, late' }), LAST)).rejects.toEqual(busy)
    expect(await now()).toEqual({ list: 'login, cart' })
  })

  it('does not rotate it a second time', async () => {
    const late = await here.opened(made, LOCKED)
    here.clock.advance(LEASE_MS)
    await elsewhere(LOCKED, 'rotates')
    await expect(here.sessions.commit(late, rotated('login, late'), LAST)).rejects.toEqual(busy)
    expect(await now()).toEqual({ list: 'login, cart' })
  })

  it('is not told that the session has ended when its token leads nowhere any more', async () => {
    const late = await here.opened(made, LOCKED)
    here.clock.advance(LEASE_MS)
    await elsewhere(LOCKED, 'rotates')
    here.clock.advance(10_000)
    await expect(here.sessions.commit(late, changes({ list: 'login, late' }), LAST)).rejects.toEqual(busy)
  })
})

describe('a holder whose lease is alive', () => {
  it('writes into the session that a request without a lock has rotated', async () => {
    const holder = await here.opened(made, LOCKED)
    here.clock.advance(LEASE_MS - 1)
    await elsewhere({ touch: true }, 'rotates')
    expect(await here.sessions.commit(holder, changes({ list: 'login, mine' }), LAST)).toMatchObject({ state: 'committed' })
    expect(await now()).toEqual({ list: 'login, mine' })
  })

  it('hears that the session has ended when a request without a lock has ended it', async () => {
    const holder = await here.opened(made, LOCKED)
    await elsewhere({ touch: true }, 'ends')
    expect(await here.sessions.commit(holder, changes({ list: 'login, mine' }), LAST)).toEqual({ state: 'gone' })
  })
})
