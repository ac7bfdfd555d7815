/** What operators see of sessions, and how they end them. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { Labels } from '../../../src/session/label.ts'
import { Registry } from '../../../src/session/registry.ts'
import type { Session } from '../../../src/session/session.ts'
import type { StoreKey } from '../../../src/store/store.ts'
import { storeOver } from '../../support/store-over.ts'
import { changes, committed, entries, IDLE, PLAIN, SECRET, type Subject, subject, USE } from './session-subject.ts'

const NEWER = 'a newer secret, of more than thirty-two characters'

let at: Subject
let labels: Labels
let registry: Registry

beforeEach(() => {
  at = subject()
  labels = new Labels(new Keyring([SECRET]))
  registry = new Registry(at.store, labels)
})

const of = (name: string | null, set: Record<string, string | readonly [string, number]> = {}) => ({ ...changes(set), subject: name })
const begun = async (name: string): Promise<Session> => committed(await at.sessions.commit(undefined, of(name, { a: '1' }), PLAIN))
const isThere = async (session: Session): Promise<boolean> => (await at.sessions.open(session.token, USE)) !== undefined

describe('a list of sessions', () => {
  it('has all of a subject and nobody else\'s, the newest first', async () => {
    const first = await begun('alice')
    at.clock.advance(1_000)
    const second = await begun('alice')
    await begun('bob')
    await at.made(entries({ a: '1' }))
    expect((await registry.list('alice')).map(({ key }) => key)).toEqual([second.token.storeKey, first.token.storeKey])
    expect(await registry.list('Alice')).toEqual([])
  })

  it('tells what may be told, and nothing of the entries', async () => {
    const session = await begun('alice')
    const now = at.clock.now()
    await at.sessions.commit(session, changes({ remembered: ['2', now + 10 * IDLE] }), PLAIN)
    expect(await registry.list('alice')).toEqual([{
      key: session.token.storeKey, id: session.id, subject: 'alice', startedAt: now, expiresAt: now + IDLE, keptUntil: now + 10 * IDLE, entries: 2, bytes: expect.any(Number) as number,
    }])
  })

  it('has a session once whose token was rotated, under its new key, as old as it is', async () => {
    const session = await begun('alice')
    at.clock.advance(1_000)
    const next = committed(await at.sessions.commit(session, { ...changes({ a: '2' }), rotate: true }, PLAIN))
    expect(await registry.list('alice')).toMatchObject([{ key: next.token.storeKey, id: session.id, startedAt: at.clock.now() - 1_000 }])
  })

  it('leaves out what has ended, has run out, or is somebody else\'s by now', async () => {
    const [ended, changed] = [await begun('alice'), await begun('alice')]
    await at.sessions.destroy(ended)
    await at.sessions.commit(changed, of('bob'), PLAIN)
    expect(await registry.list('alice')).toEqual([])
    await begun('alice')
    at.clock.advance(IDLE)
    expect(await registry.list('alice')).toEqual([])
  })

  it('has those that were filed under an older secret, as long as that is configured', async () => {
    const session = await begun('alice')
    const rotated = new Registry(at.store, new Labels(new Keyring([NEWER, SECRET])))
    expect((await rotated.list('alice')).map(({ key }) => key)).toEqual([session.token.storeKey])
  })
})

describe('one session', () => {
  it('is shown by its key, whoever has it', async () => {
    const session = await at.made(entries({ a: '1' }))
    expect(await registry.show(session.token.storeKey)).toMatchObject({ id: session.id, subject: undefined, entries: 1 })
  })

  it.each(['', 'alice', '../..', 'x'.repeat(43), 'x'.repeat(44)])('is none by the key %j', async (key) => {
    expect(await registry.show(key)).toBeUndefined()
    expect(await registry.revoke(key)).toBe(false)
  })

  it('is ended by its key, at once and for good', async () => {
    const [session, other] = [await begun('alice'), await begun('alice')]
    expect(await registry.revoke(session.token.storeKey)).toBe(true)
    expect(await at.sessions.commit(session, changes({ a: 'late' }), PLAIN)).toEqual({ state: 'gone' })
    expect([await isThere(session), await isThere(other)]).toEqual([false, true])
    expect(await registry.revoke(session.token.storeKey)).toBe(false)
  })
})

describe('ending one session while its token is rotated', () => {
  it('puts no tombstone in the place of the pointer, which would let the session live where nobody looks for it', async () => {
    const session = await begun('alice')
    let rotated: Session | undefined
    const store = storeOver(at.store, {
      open: async (...given) => {
        const opened = await at.store.open(...given)
        rotated ??= committed(await at.sessions.commit(session, { ...changes({}), rotate: true }, PLAIN))
        return opened
      },
    })
    expect(await new Registry(store, labels).revoke(session.token.storeKey)).toBe(false)
    expect(await at.store.open(session.token.storeKey, {})).toMatchObject({ state: 'moved' })
  })

  it('ends it although somebody writes meanwhile', async () => {
    const session = await begun('alice')
    let writes = 0
    const store = storeOver(at.store, {
      open: async (...given) => {
        const opened = await at.store.open(...given)
        if (writes < 3) await at.sessions.commit(await at.opened(session), changes({ [`w${writes += 1}`]: 'x' }), PLAIN)
        return opened
      },
    })
    expect(await new Registry(store, labels).revoke(session.token.storeKey)).toBe(true)
    expect([writes, await isThere(session)]).toEqual([3, false])
  })
})

describe('logging a subject out everywhere', () => {
  it('ends all of their sessions and nobody else\'s, and says how many', async () => {
    const mine = [await begun('alice'), await begun('alice')]
    const others = [await begun('bob'), await at.made(entries({ a: '1' }))]
    expect(await registry.revokeAll('alice')).toBe(2)
    expect(await Promise.all([...mine, ...others].map(isThere))).toEqual([false, false, true, true])
    expect([await registry.revokeAll('alice'), await registry.list('alice')]).toEqual([0, []])
  })

  it('ends a session under whatever token it is, and what the old one still leads to', async () => {
    const session = await begun('alice')
    const next = committed(await at.sessions.commit(session, { ...changes({}), rotate: true }, PLAIN))
    expect(await registry.revokeAll('alice')).toBe(1)
    expect([await isThere(session), await isThere(next)]).toEqual([false, false])
  })

  it('leaves a session alone that is somebody else\'s by now, though it is on the list', async () => {
    const session = await begun('alice')
    // As for a client that has hung up: nobody would hear of a new token.
    committed(await at.sessions.commit(await at.opened(session), of('bob'), { ...PLAIN, inPlace: true }))
    expect(await registry.revokeAll('alice')).toBe(0)
    expect(await isThere(session)).toBe(true)
    expect(await registry.revokeAll('bob')).toBe(1)
  })

  it('meets a login that is under way: what is filed and not there yet is never made', async () => {
    const store = storeOver(at.store, { file: async (...given) => { await at.store.file(...given); await registry.revokeAll('alice') } })
    expect(await at.beside({ store }).commit(undefined, of('alice', { a: '1' }), PLAIN)).toEqual({ state: 'gone' })
    expect(await registry.list('alice')).toEqual([])
  })

  it('leaves a session on the list that a login is just making theirs, for the next time', async () => {
    const anonymous = await at.made(entries({ a: '1' }))
    const store = storeOver(at.store, { file: async (...given) => { await at.store.file(...given); await registry.revokeAll('alice') } })
    const session = committed(await at.beside({ store }).commit(await at.opened(anonymous), of('alice'), { ...PLAIN, inPlace: true }))
    expect((await registry.list('alice')).map(({ key }) => key)).toEqual([session.token.storeKey])
    expect([await registry.revokeAll('alice'), await isThere(session)]).toEqual([1, false])
  })

  it('does not say that it is done while there is more', async () => {
    const store = storeOver(at.store, { filed: async () => ['x'.repeat(43) as StoreKey] })
    await expect(new Registry(store, labels).revokeAll('alice')).rejects.toMatchObject({ code: 'session_busy' })
  })

  it('meets a rotation of the token that is under way, at each of its steps', async () => {
    for (const step of ['file', 'create', 'move'] as const) {
      const session = await begun('alice')
      const revoke = async () => { await registry.revokeAll('alice') }
      const store = storeOver(at.store, {
        file: async (...given) => { if (step === 'file') await revoke(); await at.store.file(...given) },
        commit: async (key, delta) => {
          if ((step === 'create' && delta.mode === 'create') || (step === 'move' && delta.move !== undefined)) await revoke()
          return await at.store.commit(key, delta)
        },
      })
      const outcome = await at.beside({ store }).commit(await at.opened(session), { ...changes({}), rotate: true }, PLAIN)
      expect([step, outcome.state]).toEqual([step, 'gone'])
      expect([await isThere(session), await registry.list('alice')]).toEqual([false, []])
    }
  })

  it('ends a session that rotates while the list is worked off', async () => {
    const [one, other] = [await begun('alice'), await begun('alice')]
    let rotated: Session | undefined
    const store = storeOver(at.store, {
      destroy: async (...given) => {
        await at.store.destroy(...given)
        const left = given[0] === one.token.storeKey ? other : one
        rotated ??= committed(await at.sessions.commit(await at.opened(left), { ...changes({}), rotate: true }, PLAIN))
      },
    })
    await new Registry(store, labels).revokeAll('alice')
    expect(rotated).toBeDefined()
    if (rotated !== undefined) expect(await isThere(rotated)).toBe(false)
    expect(await registry.list('alice')).toEqual([])
  })

  it('is a fault, and ends nothing more, where a secret is missing', async () => {
    const session = await begun('alice')
    const blind = storeOver(at.store, { filed: async () => [session.token.storeKey] })
    await expect(new Registry(blind, new Labels(new Keyring([NEWER]))).revokeAll('alice')).rejects.toMatchObject({ code: 'store_unavailable' })
    expect(await isThere(session)).toBe(true)
  })
})
