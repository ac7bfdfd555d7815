import { expect, it } from 'vitest'
import { changes, committed, entries, PLAIN, subject, texts } from './session-subject.ts'

// Its own first commit gives a request the newest version, though it has not seen what others wrote before that.
it('a rotation takes along what another request wrote, also after the rotating request has written once itself', async () => {
  const at = subject()
  const session = await at.made(entries({ id: 'one' }))
  const slow = await at.opened(session)
  committed(await at.sessions.commit(await at.opened(session), changes({ cart: 'full' }), PLAIN))
  const head = committed(await at.sessions.commit(slow, changes({ seen: 'head' }), PLAIN))
  const end = committed(await at.sessions.commit(head, { ...changes({ id: 'two' }), rotate: true }, PLAIN))
  expect(texts(await at.opened(end))).toEqual({ id: 'two', seen: 'head', cart: 'full' })
})
