import { describe, expect, it } from 'vitest'
import type { SessionSummary } from '../../src/session/registry.ts'
import { listSessions, revokeSessions, showSessions } from '../../src/sessions-command.ts'
import type { StoreKey } from '../../src/store/store.ts'

const NOTE = 'looked with the secrets newer1, older1: sessions under another one are not seen (`unstick check` and the log of a sidecar name theirs)\n'

const AT = Date.UTC(2026, 10, 24, 9, 30, 15, 250)
const ONE: SessionSummary = { key: 'a'.repeat(43) as StoreKey, id: 'i'.repeat(22), subject: 'alice', startedAt: AT, expiresAt: AT + 1_800_000, keptUntil: 0, entries: 2, bytes: 900 }
const REMEMBERED: SessionSummary = { ...ONE, key: 'b'.repeat(43) as StoreKey, keptUntil: AT + 86_400_000, bytes: 3_000 }

const sessions = (...there: readonly SessionSummary[]) => ({
  keyIds: ['newer1', 'older1'],
  list: async (subject: string) => there.filter((one) => one.subject === subject),
  show: async (key: string) => there.find((one) => one.key === key),
  revoke: async (key: string) => there.some((one) => one.key === key),
  revokeAll: async (subject: string) => there.filter((one) => one.subject === subject).length,
})

describe('unstick sessions', () => {
  it('lists the sessions of a user, a line each', async () => {
    expect(await listSessions(sessions(ONE, REMEMBERED), 'alice', false)).toEqual({
      found: true,
      text: [
        '2 sessions of alice',
        `KEY${' '.repeat(42)}STARTED               EXPIRES               SIZE`,
        `${ONE.key}  2026-11-24 09:30:15Z  2026-11-24 10:00:15Z  900 B`,
        `${REMEMBERED.key}  2026-11-24 09:30:15Z  2026-11-25 09:30:15Z  2.9 KB`,
        '',
      ].join('\n'),
    })
  })

  it('lists none as none, which is an answer', async () => {
    expect(await listSessions(sessions(), 'alice', false)).toEqual({ found: true, text: '0 sessions of alice\n', note: NOTE })
  })

  it('lists as JSON for programs', async () => {
    expect(JSON.parse((await listSessions(sessions(ONE), 'alice', true)).text)).toEqual([ONE])
  })

  it('shows all that is known of one, or of all of a user', async () => {
    const { text } = await showSessions(sessions(ONE), { key: ONE.key }, false)
    expect(text).toBe([
      `key      ${ONE.key}`, `id       ${ONE.id}`, 'subject  alice', 'started  2026-11-24 09:30:15Z', 'expires  2026-11-24 10:00:15Z, if it is not used', 'entries  2', 'size     900 B', '',
    ].join('\n'))
    expect((await showSessions(sessions(ONE, REMEMBERED), { subject: 'alice' }, false)).text).toContain('remembered  until 2026-11-25 09:30:15Z')
  })

  it('keeps a terminal from obeying the name of a user', async () => {
    const { text } = await showSessions(sessions({ ...ONE, subject: 'al\u001b[2Jice\u009b\n' }), { key: ONE.key }, false)
    expect(text).toContain('subject  al\\u001b[2Jice\\u009b\\u000a\n')
  })

  it('says what is not there, and that nothing was found', async () => {
    expect(await showSessions(sessions(ONE), { subject: 'bob' }, false)).toEqual({ found: false, text: 'no sessions of bob\n', note: NOTE })
    expect((await showSessions(sessions(ONE), { key: 'c'.repeat(43) }, false)).found).toBe(false)
    const shown = await showSessions(sessions(), { subject: 'bob' }, true)
    expect([JSON.parse(shown.text), shown.note]).toEqual([[], NOTE])
    expect(await revokeSessions(sessions(ONE), { subject: 'bob' })).toEqual({ found: false, text: 'no sessions of bob: none ended\n', note: NOTE })
    const byKey = await revokeSessions(sessions(), { key: 'c'.repeat(43) })
    // What the store calls a session depends on no secret.
    expect([byKey.found, byKey.note]).toEqual([false, undefined])
  })

  it('says how many it ended', async () => {
    expect(await revokeSessions(sessions(ONE, REMEMBERED), { subject: 'alice' })).toEqual({ found: true, text: 'ended 2 sessions of alice\n' })
    expect(await revokeSessions(sessions(ONE), { key: ONE.key })).toEqual({ found: true, text: 'ended 1 session\n' })
  })
})
