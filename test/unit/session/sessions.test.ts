import { beforeEach, describe, expect, it } from 'vitest'
import { sealedWith } from '../../../src/crypto/seal.ts'
import { Keyring } from '../../../src/crypto/keyring.ts'
import type { Changes } from '../../../src/carrier/carrier.ts'
import { changes, committed, entries, IDLE, LIFETIME, LOOK, PLAIN, SECRET, type Subject, subject, texts, TOUCH_INTERVAL, USE } from './session-subject.ts'

let at: Subject
beforeEach(() => { at = subject() })

const code = (expected: string) => expect.objectContaining({ code: expected })

describe('a session', () => {
  it('is made by the first commit and found by its token alone', async () => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    expect(texts(session)).toEqual({ a: '1', b: '2' })
    expect(texts(await at.opened(session))).toEqual({ a: '1', b: '2' })
    expect(at.reported).toEqual(['created', 'committed'])
  })

  it('is not made by a commit of nothing', async () => {
    expect(await at.sessions.commit(undefined, changes({}, ['a']), PLAIN)).toEqual({ state: 'ended' })
    expect(at.reported).toEqual(['ended'])
  })

  it('takes changes entry by entry, also from requests that know nothing of each other', async () => {
    const session = await at.made(entries({ a: '1', b: '2', c: '3' }))
    const [one, other] = [await at.opened(session), await at.opened(session)]
    await at.sessions.commit(one, changes({ a: 'one' }, ['b']), PLAIN)
    expect(texts(committed(await at.sessions.commit(other, changes({ d: 'other' }), PLAIN)))).toMatchObject({ d: 'other' })
    expect(texts(await at.opened(session))).toEqual({ a: 'one', c: '3', d: 'other' })
  })

  it('lies in the store under a name and in bytes that show nothing of it', async () => {
    const session = await at.made(entries({ a: 'a secret word' }))
    const record = await at.stored(session)
    expect(Buffer.concat([...(record?.entries.values() ?? [])]).toString('latin1')).not.toContain('secret word')
    expect(session.token.storeKey).not.toContain(session.token.random.toString('base64url'))
  })

  it('is absent for a token that nobody was given', async () => {
    const session = await at.made(entries({ a: '1' }))
    expect(await subject().sessions.open(session.token, USE)).toBeUndefined()
  })
})

describe('the end of a session', () => {
  it('comes when it was idle for the idle timeout', async () => {
    const session = await at.made(entries({ a: '1' }))
    at.clock.advance(IDLE - 1)
    expect(await at.sessions.open(session.token, LOOK)).toBeDefined()
    at.clock.advance(1)
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
  })

  it('is put off by using it, but not by looking', async () => {
    const session = await at.made(entries({ a: '1' }))
    at.clock.advance(IDLE - 1)
    await at.opened(session, USE)
    at.clock.advance(IDLE - 1)
    await at.opened(session, LOOK)
    at.clock.advance(1)
    expect(await at.sessions.open(session.token, LOOK)).toBeUndefined()
  })

  it('is put off once per touch interval, not by every use', async () => {
    const session = await at.made(entries({ a: '1' }))
    const before = (await at.stored(session))?.expiresAt
    at.clock.advance(TOUCH_INTERVAL - 1)
    await at.opened(session, USE)
    expect((await at.stored(session))?.expiresAt).toBe(before)
    at.clock.advance(1)
    await at.opened(session, USE)
    expect((await at.stored(session))?.expiresAt).toBe((before ?? 0) + TOUCH_INTERVAL)
  })

  it('is put off by a commit, unless the route says otherwise', async () => {
    const session = await at.made(entries({ a: '1' }))
    const before = (await at.stored(session))?.expiresAt ?? 0
    at.clock.advance(10)
    await at.sessions.commit(session, changes({ a: '2' }), { ...PLAIN, touch: false })
    expect((await at.stored(session))?.expiresAt).toBe(before)
    await at.sessions.commit(session, changes({ a: '3' }), PLAIN)
    expect((await at.stored(session))?.expiresAt).toBe(before + 10)
  })

  it('comes after its lifetime, however much it was used', async () => {
    const session = await at.made(entries({ a: '0' }))
    for (let passed = 0; passed < LIFETIME - IDLE; passed += IDLE / 2) {
      at.clock.advance(IDLE / 2)
      await at.sessions.commit(await at.opened(session, USE), changes({ a: String(passed) }), PLAIN)
    }
    at.clock.advance(IDLE - 1)
    expect(await at.sessions.open(session.token, USE)).toBeDefined()
    at.clock.advance(1)
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
  })

  it('comes with its last entry, and nothing in flight brings it back', async () => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    const slow = await at.opened(session)
    expect((await at.sessions.commit(session, changes({}, ['a']), PLAIN)).state).toBe('committed')
    expect(await at.sessions.commit(session, changes({}, ['b']), PLAIN)).toEqual({ state: 'ended' })
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
    expect(await at.sessions.commit(slow, changes({ a: 'late' }), PLAIN)).toEqual({ state: 'gone' })
    expect((await at.store.open(session.token.storeKey, {})).state).toBe('destroyed')
    expect(at.reported).toEqual(['created', 'committed', 'committed', 'destroyed', 'ended', 'gone'])
  })

  it('does not come when another request has added an entry meanwhile', async () => {
    const session = await at.made(entries({ a: '1' }))
    await at.sessions.commit(await at.opened(session), changes({ b: '2' }), PLAIN)
    await at.sessions.commit(session, changes({}, ['a']), PLAIN)
    expect(texts(await at.opened(session))).toEqual({ b: '2' })
  })

  it('is for ever when it was destroyed', async () => {
    const session = await at.made(entries({ a: '1' }))
    const slow = await at.opened(session)
    await at.sessions.destroy(session)
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
    expect(await at.sessions.commit(slow, changes({ a: '2' }), PLAIN)).toEqual({ state: 'gone' })
  })
})

describe('an entry with an expiry of its own', () => {
  it('is gone from then on, and taken out of the store by the next commit', async () => {
    const session = await at.made(entries({ a: '1', b: ['2', at.clock.now() + 1_000] }))
    at.clock.advance(999)
    expect(texts(await at.opened(session))).toEqual({ a: '1', b: '2' })
    at.clock.advance(1)
    const found = await at.opened(session)
    expect(texts(found)).toEqual({ a: '1' })
    await at.sessions.commit(found, changes({ a: '3' }), PLAIN)
    expect([...((await at.stored(session))?.entries.keys() ?? [])]).toEqual(['a'])
  })

  it('outlives the session, alone', async () => {
    const session = await at.made(entries({ a: '1', remembered: ['2', at.clock.now() + 30 * LIFETIME] }))
    at.clock.advance(IDLE)
    const lapsed = await at.opened(session, USE)
    expect(lapsed.lapsed).toBe(true)
    expect(texts(lapsed)).toEqual({ remembered: '2' })
    at.clock.advance(30 * LIFETIME - IDLE)
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
  })

  it('goes over to a new session under a new token with the next commit, to which the old one leads for a while', async () => {
    const session = await at.made(entries({ a: '1', remembered: ['2', at.clock.now() + 30 * LIFETIME] }))
    at.clock.advance(IDLE)
    const next = committed(await at.sessions.commit(await at.opened(session), changes({ a: 'new' }), PLAIN))
    expect(next.token.storeKey).not.toBe(session.token.storeKey)
    expect(texts(await at.opened(next))).toEqual({ a: 'new', remembered: '2' })
    expect(next.lapsed).toBe(false)
    expect((await at.store.open(session.token.storeKey, {})).state).toBe('moved')
    at.clock.advance(IDLE)
    expect(texts(await at.opened(next))).toEqual({ remembered: '2' })
  })

  it('may be the last to be taken out', async () => {
    const session = await at.made(entries({ remembered: ['2', at.clock.now() + 30 * LIFETIME] }))
    at.clock.advance(IDLE)
    expect(await at.sessions.commit(await at.opened(session), changes({}, ['remembered']), PLAIN)).toEqual({ state: 'ended' })
    expect(await at.sessions.open(session.token, USE)).toBeUndefined()
  })

  it('is kept as long when a request that does not know of it commits later', async () => {
    const session = await at.made(entries({ a: '1' }))
    const slow = await at.opened(session)
    await at.sessions.commit(session, changes({ remembered: ['2', at.clock.now() + 30 * LIFETIME] }), PLAIN)
    await at.sessions.commit(slow, changes({ a: '3' }), PLAIN)
    at.clock.advance(IDLE)
    expect(texts(await at.opened(session))).toEqual({ remembered: '2' })
  })
})

describe('what is too large', () => {
  const sized = (length: number): Changes => changes({ big: 'x'.repeat(length) })

  it('is an entry beyond its limit: refused, with nothing written', async () => {
    const session = await at.made(entries({ a: '1' }))
    await expect(at.sessions.commit(session, { set: entries({ a: '2', big: 'x'.repeat(1_001) }), remove: new Set() }, PLAIN)).rejects.toThrow(code('too_large'))
    expect(texts(await at.opened(session))).toEqual({ a: '1' })
    await at.sessions.commit(session, sized(1_000), PLAIN)
    expect(texts(await at.opened(session))?.['big']?.length).toBe(1_000)
  })

  it('is a session beyond its limit: refused, with nothing written, and still to be made smaller', async () => {
    const session = await at.made(entries({ a: '1' }))
    for (let i = 0; i < 9; i += 1) await at.sessions.commit(session, changes({ [`e${i}`]: 'x'.repeat(1_000) }), PLAIN)
    await expect(at.sessions.commit(session, changes({ a: '2', e9: 'x'.repeat(1_000) }, ['e0x']), PLAIN)).rejects.toThrow(code('too_large'))
    expect(texts(await at.opened(session))).toMatchObject({ a: '1', e8: expect.any(String) })
    expect(Object.keys(texts(await at.opened(session)) ?? {})).not.toContain('e9')
    expect((await at.sessions.commit(await at.opened(session), changes({ e9: 'x'.repeat(1_000) }, ['e0']), PLAIN)).state).toBe('committed')
    expect(at.reported.filter((what) => what === 'too_large')).toHaveLength(1)
  })

  it('makes no session either', async () => {
    await expect(at.sessions.commit(undefined, sized(1_001), PLAIN)).rejects.toThrow(code('too_large'))
    const many = entries(Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`e${i}`, 'x'.repeat(1_000)])))
    await expect(at.sessions.commit(undefined, { set: many, remove: new Set() }, PLAIN)).rejects.toThrow(code('too_large'))
    expect(at.reported).toEqual(['too_large', 'too_large'])
  })

  it('leaves the remembered entries of a session that has ended where they are', async () => {
    const session = await at.made(entries({ remembered: ['2', at.clock.now() + 30 * LIFETIME] }))
    at.clock.advance(IDLE)
    await expect(at.sessions.commit(await at.opened(session), sized(1_001), PLAIN)).rejects.toThrow(code('too_large'))
    expect(texts(await at.opened(session))).toEqual({ remembered: '2' })
  })
})

describe('when secrets rotate', () => {
  const NEWER = 'the newer secret, of more than thirty-two characters'
  const idOf = (secret: string): string => new Keyring([secret]).newest.idText

  it('what was sealed before still opens, and what is written is sealed anew', async () => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    const rotated = at.beside({}, [NEWER, SECRET])
    const found = await rotated.open(session.token, USE)
    expect(texts(found)).toEqual({ a: '1', b: '2' })
    await rotated.commit(found, changes({ a: '3' }), PLAIN)
    const record = await at.stored(session)
    expect([...(record?.entries ?? [])].map(([name, bytes]) => [name, sealedWith(bytes)])).toEqual([['a', idOf(NEWER)], ['b', idOf(NEWER)]])
    expect(texts(await rotated.open(session.token, USE))).toEqual({ a: '3', b: '2' })
  })

  it('each secret counts what it opened, and the old one no more once all is sealed anew', async () => {
    const session = await at.made(entries({ a: '1', b: '2' }))
    const keyring = new Keyring([NEWER, SECRET])
    const uses = (): number[] => keyring.keys.map((key) => key.uses.seal)
    const rotated = at.beside({}, keyring)
    await rotated.open(session.token, USE)
    // Two entries and the label.
    expect(uses()).toEqual([0, 3])
    await rotated.open(session.token, USE)
    await rotated.open(session.token, USE)
    expect(uses()).toEqual([4, 3])
  })

  it('a missing secret is a fault and not a miss, and the session stays', async () => {
    const session = await at.made(entries({ a: '1' }))
    await expect(at.beside({}, [NEWER]).open(session.token, USE)).rejects.toThrow(code('store_unavailable'))
    expect(texts(await at.opened(session))).toEqual({ a: '1' })
  })
})
