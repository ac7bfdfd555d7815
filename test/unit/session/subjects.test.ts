/** Whose a session is: written down under the secret alone, filed, and carried along. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { Labels } from '../../../src/session/label.ts'
import type { Session } from '../../../src/session/session.ts'
import { TOMBSTONE_MS, type StoreKey } from '../../../src/store/store.ts'
import { storeOver } from '../../support/store-over.ts'
import { changes, committed, entries, IDLE, LIFETIME, PLAIN, SECRET, type Subject, subject, texts, USE } from './session-subject.ts'

const labels = new Labels(new Keyring([SECRET]))
const of = (name: string | null, set: Record<string, string> = {}) => ({ ...changes(set), subject: name })

let at: Subject

beforeEach(() => { at = subject() })

const filed = (name: string): Promise<StoreKey[]> => at.store.filed(labels.subjectKey(name), 10)
const alices = async (): Promise<Session> => committed(await at.sessions.commit(undefined, of('alice', { a: '1' }), PLAIN))

describe('a session of somebody', () => {
  it('is filed under them, and says so to who has the secret alone', async () => {
    const session = await alices()
    expect(await filed('alice')).toEqual([session.token.storeKey])
    const { label } = await at.stored(session) ?? {}
    expect(labels.open(session.token.storeKey, label ?? new Uint8Array())).toEqual({ id: session.id, subject: 'alice', startedAt: at.clock.now(), filedUntil: expect.any(Number) as number })
    expect(Buffer.from(label ?? []).includes('alice')).toBe(false)
  })

  it('is nobody\'s before somebody is named, and keeps its id from its first commit on', async () => {
    const session = await at.made(entries({ a: '1' }))
    expect((await at.opened(session)).label).toMatchObject({ subject: undefined, filedUntil: 0 })
    expect((await at.opened(session)).id).toMatch(/^[\w-]{22}$/)
    expect((await at.opened(session)).id).toBe(session.id)
    expect((await at.made(entries({ a: '1' }))).id).not.toBe(session.id)
  })

  it('gets a new token when they are named, or are others than before: that is what a login looks like', async () => {
    const anonymous = await at.made(entries({ a: '1' }))
    const alice = committed(await at.sessions.commit(await at.opened(anonymous), of('alice'), PLAIN))
    expect(alice.token.storeKey).not.toBe(anonymous.token.storeKey)
    expect([alice.id, texts(alice)]).toEqual([anonymous.id, { a: '1' }])
    const bob = committed(await at.sessions.commit(await at.opened(alice), of('bob'), PLAIN))
    expect(bob.token.storeKey).not.toBe(alice.token.storeKey)
    expect(await filed('bob')).toEqual([bob.token.storeKey])
    expect((await at.opened(bob)).label?.subject).toBe('bob')
  })

  it('keeps its token, and is not written at all, when they are named once more', async () => {
    const session = await alices()
    const before = await at.stored(session)
    expect(await at.sessions.commit(await at.opened(session), of('alice'), PLAIN)).toEqual({ state: 'unchanged' })
    expect(await at.stored(session)).toEqual(before)
    const more = committed(await at.sessions.commit(await at.opened(session), of('alice', { b: '2' }), PLAIN))
    expect(more.token.storeKey).toBe(session.token.storeKey)
  })

  it('is nobody\'s again when the app says so, under the same token', async () => {
    const session = await alices()
    const after = committed(await at.sessions.commit(await at.opened(session), of(null), PLAIN))
    expect(after.token.storeKey).toBe(session.token.storeKey)
    expect((await at.opened(session)).label?.subject).toBeUndefined()
  })

  it('stays theirs, and filed, when its token rotates', async () => {
    const session = await alices()
    const next = committed(await at.sessions.commit(await at.opened(session), { ...changes({ a: '2' }), rotate: true }, PLAIN))
    expect((await at.opened(next)).label).toMatchObject({ id: session.id, subject: 'alice', startedAt: session.label?.startedAt })
    expect(await filed('alice')).toContain(next.token.storeKey)
  })

  it('does not hand them on to the session that takes over what it remembered', async () => {
    const session = committed(await at.sessions.commit(undefined, { set: entries({ a: '1', remembered: ['2', at.clock.now() + 3 * LIFETIME] }), remove: new Set(), subject: 'alice' }, PLAIN))
    at.clock.advance(LIFETIME)
    const next = committed(await at.sessions.commit(await at.opened(session, USE), changes({ a: 'new' }), PLAIN))
    expect(next.label).toMatchObject({ subject: undefined })
    expect(next.id).not.toBe(session.id)
  })

  it('is filed for as long as its longest entry lasts, also one that came later', async () => {
    const session = await alices()
    at.clock.advance(IDLE - 1_000)
    committed(await at.sessions.commit(await at.opened(session), changes({ remembered: ['2', at.clock.now() + 20 * LIFETIME] }), PLAIN))
    at.clock.advance(19 * LIFETIME)
    expect(await filed('alice')).toEqual([session.token.storeKey])
  })

  it('is filed before its record says so', async () => {
    const log: string[] = []
    const store = storeOver(at.store, {
      file: async (...given) => { log.push('filed'); await at.store.file(...given) },
      commit: async (...given) => { log.push('committed'); return await at.store.commit(...given) },
    })
    const sessions = at.beside({ store })
    const session = committed(await sessions.commit(undefined, of('alice', { a: '1' }), PLAIN))
    committed(await sessions.commit(session, of('bob'), PLAIN))
    expect(log).toEqual(['filed', 'committed', 'filed', 'committed', 'committed'])
  })

  it('is not made when its subject was logged out between its filing and its making', async () => {
    const store = storeOver(at.store, {
      file: async (name, key, ms) => { await at.store.file(name, key, ms); await at.store.destroy(key, TOMBSTONE_MS) },
    })
    const sessions = at.beside({ store })
    expect(await sessions.commit(undefined, of('alice', { a: '1' }), PLAIN)).toEqual({ state: 'gone' })
    const anonymous = await at.made(entries({ a: '1' }))
    expect(await sessions.commit(await at.opened(anonymous), of('alice'), PLAIN)).toEqual({ state: 'gone' })
    expect((await at.opened(anonymous)).label?.subject).toBeUndefined()
  })

  it('is found under an older secret, and moves on to the newest when it is used', async () => {
    const session = await alices()
    const NEW = 'another secret, of more than thirty-two characters'
    const rotated = at.beside({}, [NEW, SECRET])
    const both = new Labels(new Keyring([NEW, SECRET]))
    expect((await rotated.open(session.token, USE))?.label?.subject).toBe('alice')
    await expect.poll(() => at.store.filed(both.subjectKey('alice'), 10)).toEqual([session.token.storeKey])
    const { label } = await at.stored(session) ?? {}
    expect(new Labels(new Keyring([NEW])).open(session.token.storeKey, label ?? new Uint8Array())).toMatchObject({ subject: 'alice' })
  })

  it('whose label cannot be opened is a fault, and not nobody\'s', async () => {
    const session = await alices()
    const store = storeOver(at.store, {
      async open(...given) {
        const opened = await at.store.open(...given)
        return opened.state === 'record' ? { ...opened, record: { ...opened.record, label: new Uint8Array(60) } } : opened
      },
    })
    const found = await at.beside({ store }).open(session.token, USE)
    expect(() => found?.id).toThrow(expect.objectContaining({ code: 'store_unavailable' }) as Error)
  })

  it('may not have a name that nobody has', async () => {
    await expect(at.sessions.commit(undefined, of('x'.repeat(513), { a: '1' }), PLAIN)).rejects.toMatchObject({ code: 'too_large' })
  })
})

describe('a login with a token that was rotated a moment ago', () => {
  it('goes to a session of its own: who has the new token may have planted the old one', async () => {
    const planted = await at.made(entries({ csrf: '1' }))
    const planter = committed(await at.sessions.commit(await at.opened(planted), of('mallory', { user: 'mallory' }), PLAIN))
    const visitor = await at.sessions.open(planted.token, USE)
    expect(visitor?.inherited).toBe(true)
    const own = committed(await at.sessions.commit(visitor, { ...of('victim', { user: 'victim' }), rotate: true }, PLAIN))
    expect([own.inherited, own.label?.subject, texts(own)]).toEqual([false, 'victim', { csrf: '1', user: 'victim' }])
    expect([planted, planter].map(({ token }) => token.storeKey)).not.toContain(own.token.storeKey)
    const theirs = await at.opened(planter)
    expect([theirs.label?.subject, texts(theirs)]).toEqual(['mallory', { csrf: '1', user: 'mallory' }])
    expect(await filed('victim')).toEqual([own.token.storeKey])
  })

  it('also where the new token is nobody\'s yet', async () => {
    const planted = await at.made(entries({ csrf: '1' }))
    const planter = committed(await at.sessions.commit(await at.opened(planted), { ...changes({}), rotate: true }, PLAIN))
    committed(await at.sessions.commit(await at.sessions.open(planted.token, USE), of('victim', { user: 'victim' }), PLAIN))
    expect(texts(await at.opened(planter))).toEqual({ csrf: '1' })
  })

  it('of the same subject, as by a double click, stays where the first one went', async () => {
    const before = await at.made(entries({ a: '1' }))
    const first = committed(await at.sessions.commit(await at.opened(before), of('alice', { b: '2' }), PLAIN))
    const second = committed(await at.sessions.commit(await at.sessions.open(before.token, USE), of('alice', { c: '3' }), PLAIN))
    expect(second.token.storeKey).toBe(first.token.storeKey)
    expect(texts(await at.opened(first))).toEqual({ a: '1', b: '2', c: '3' })
  })
})

describe('a list of a subject', () => {
  it('does not grow with rotations of the token, nor with sessions that have ended', async () => {
    let session = await alices()
    for (let i = 0; i < 20; i += 1) session = committed(await at.sessions.commit(session, { ...changes({ a: String(i) }), rotate: true }, PLAIN))
    await expect.poll(() => filed('alice')).toEqual([session.token.storeKey])
    const [ended, destroyed] = [await alices(), await alices()]
    expect(await at.sessions.commit(ended, changes({}, ['a']), PLAIN)).toEqual({ state: 'ended' })
    await at.sessions.destroy(destroyed)
    await expect.poll(() => filed('alice')).toEqual([session.token.storeKey])
  })
})

describe('a change that ends the session', () => {
  it('leaves a tombstone, and takes everything along', async () => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    const slow = await at.opened(session)
    expect(await at.sessions.commit(await at.opened(session), { ...changes({}), destroy: true }, PLAIN)).toEqual({ state: 'ended' })
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
    expect(await at.sessions.commit(slow, changes({ a: 'late' }), PLAIN)).toEqual({ state: 'gone' })
  })

  it('begins another session with what it sets, which has nothing of the old one', async () => {
    const session = await alices()
    const next = committed(await at.sessions.commit(await at.opened(session), { ...changes({ flash: 'bye' }), destroy: true }, PLAIN))
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
    expect([texts(await at.opened(next)), next.label?.subject]).toEqual([{ flash: 'bye' }, undefined])
    expect(next.id).not.toBe(session.id)
  })
})
