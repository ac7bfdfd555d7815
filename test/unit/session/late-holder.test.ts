/** A request that held the lease of its session, stood still for longer than the lease lasts, and writes only then. */
import { beforeEach, describe, expect, it } from 'vitest'
import { LEASE_MS } from '../../../src/session/lock.ts'
import type { Session } from '../../../src/session/session.ts'
import type { OpenRequest } from '../../../src/session/sessions.ts'
import { changes, subject, type Subject, texts } from './session-subject.ts'

const LAST = { touch: true, release: true, lock: false }
const LOCKED: OpenRequest = { touch: true, wait: { ms: 5_000, signal: new AbortController().signal } }
const busy = expect.objectContaining({ code: 'session_busy' })
const rotated = (set: Record<string, string>) => ({ ...changes(set), rotate: true })

let here: Subject
let made: Session

beforeEach(async () => {
  here = subject()
  made = await here.made(changes({ list: 'login' }).set, LAST)
})

/** As another sidecar, which has the lease by now, or does without one. */
async function elsewhere(request: OpenRequest, act: 'rotates' | 'ends', set: Record<string, string> = { list: 'login, cart' }): Promise<void> {
  const there = here.beside({})
  const session = await there.open(made.token, request)
  if (session === undefined) throw new Error('the session is gone')
  if (act === 'ends') await there.destroy(session)
  else await there.commit(session, rotated(set), LAST)
}

/** What another sidecar sees in its turn, which it ends at once. */
async function usedInTurn(): Promise<Record<string, string> | undefined> {
  const there = here.beside({})
  const session = await there.open(made.token, LOCKED)
  if (session !== undefined) await there.release(session)
  return texts(session)
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
    await expect(here.sessions.commit(late, rotated({ list: 'login, late' }), LAST)).rejects.toEqual(busy)
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
  it('is waited for by a request without a lock that rotates, so that nobody gets the successor while it works', async () => {
    const holder = await here.opened(made, LOCKED)
    const rotation = elsewhere({ touch: true }, 'rotates', { id: 'new' })
    const next = usedInTurn()
    // All that can happen in one process without the holder has happened by then.
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => { setImmediate(resolve) })
    expect(await here.sessions.commit(holder, changes({ list: 'login, mine' }), LAST)).toMatchObject({ state: 'committed' })
    await rotation
    expect(await next).toMatchObject({ list: 'login, mine' })
    expect(await now()).toEqual({ list: 'login, mine', id: 'new' })
  })

  it('is not kept waiting by a rotation that could not be made', async () => {
    const entryTooMany = Object.fromEntries(Array.from({ length: 400 }, (_, at) => [`e${at}`, 'x']))
    await expect(elsewhere({ touch: true }, 'rotates', entryTooMany)).rejects.toMatchObject({ code: 'too_large' })
    expect(await here.opened(made, LOCKED)).toMatchObject({ lease: expect.anything() })
  })

  it('hears that the session is gone when a request without a lock has ended it', async () => {
    const holder = await here.opened(made, LOCKED)
    await elsewhere({ touch: true }, 'ends')
    expect(await here.sessions.commit(holder, changes({ list: 'login, mine' }), LAST)).toEqual({ state: 'gone' })
  })
})
