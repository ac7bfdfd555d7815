import { describe, expect, it } from 'vitest'
import type { Entry } from '../../../src/carrier/carrier.ts'
import { Keyring } from '../../../src/crypto/keyring.ts'
import { Sealing } from '../../../src/session/sealing.ts'
import { StoreClock } from '../../../src/session/store-clock.ts'
import { Sessions } from '../../../src/session/sessions.ts'
import { Tokens } from '../../../src/session/token.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import { silent } from '../../../src/telemetry.ts'

const PLAIN = { touch: true, release: false, lock: false }

describe('entries that have run out', () => {
  it('leave the record with the next commit, and do not keep a session alive whose last entry goes', async () => {
    let now = 1_000
    const clock = { now: () => now }
    const keyring = new Keyring(['a secret of thirty-two characters'])
    const store = memoryStore({ clock })
    const sessions = new Sessions({
      store, tokens: new Tokens(keyring), sealing: new Sealing(keyring, clock), clock, storeClock: new StoreClock(clock), telemetry: silent,
      idleTimeoutMs: 600_000, lifetimeMs: 6_000_000, touchIntervalMs: 0, entryBytes: 1_000, sessionBytes: 10_000,
    })
    const entry = (expiresAt: number | undefined): Entry => ({ value: Buffer.from('x'), expiresAt })
    const made = await sessions.commit(undefined, { set: new Map([['lasting', entry(undefined)], ['short', entry(2_000)]]), remove: new Set() }, PLAIN)
    if (made.state !== 'committed') throw new Error('no session was made')
    const { token } = made.session
    now = 3_000
    const session = await sessions.open(token, { touch: false })
    expect([...(session?.entries.keys() ?? [])]).toEqual(['lasting'])
    const ended = await sessions.commit(session, { set: new Map(), remove: new Set(['lasting']) }, PLAIN)
    expect(ended).toEqual({ state: 'ended' })
    expect(await store.open(token.storeKey, {})).toEqual({ state: 'destroyed' })
  })
})
