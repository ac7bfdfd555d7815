/** `unstick sessions list|show|revoke`: what an operator is told of sessions. Asks the store itself, so it needs no sidecar that runs. */
import { MOST_SESSIONS, type Registry, type SessionSummary } from './session/registry.ts'

/** Which sessions: all of somebody's, or one by its key. */
export type Which = { readonly subject: string } | { readonly key: string }

export interface Said {
  readonly text: string
  /** False: what was asked for is not there. */
  readonly found: boolean
  /** Apart from `text`, which programs may read. */
  readonly note?: string
}

type Sessions = Pick<Registry, 'keyIds' | 'list' | 'show' | 'revoke' | 'revokeAll'>

export async function listSessions(sessions: Sessions, subject: string, json: boolean): Promise<Said> {
  const found = await sessions.list(subject)
  const note = lookedWith(sessions, found.length)
  if (json) return { text: jsonOf(found), found: true, ...note }
  const more = found.length === MOST_SESSIONS ? `These are the first ${MOST_SESSIONS}.\n` : ''
  const rows = [['KEY', 'STARTED', 'EXPIRES', 'SIZE'], ...found.map((one) => [one.key, time(one.startedAt), time(endOf(one)), size(one.bytes)])]
  return { text: `${count(found.length)} of ${subject}\n${found.length === 0 ? '' : table(rows)}${more}`, found: true, ...note }
}

export async function showSessions(sessions: Sessions, which: Which, json: boolean): Promise<Said> {
  const found = 'subject' in which ? await sessions.list(which.subject) : [await sessions.show(which.key)].filter((one) => one !== undefined)
  const text = json ? jsonOf(found) : found.length === 0 ? nothing(which) : found.map(details).join('\n')
  return { text, found: found.length > 0, ...('subject' in which ? lookedWith(sessions, found.length) : {}) }
}

export async function revokeSessions(sessions: Sessions, which: Which): Promise<Said> {
  if ('subject' in which) {
    const ended = await sessions.revokeAll(which.subject)
    const text = ended === 0 ? `no sessions of ${which.subject}: none ended\n` : `ended ${count(ended)} of ${which.subject}\n`
    return { text, found: ended > 0, ...lookedWith(sessions, ended) }
  }
  const found = await sessions.revoke(which.key)
  return { text: found ? 'ended 1 session\n' : nothing(which), found }
}

/** With another secret than the sidecars', nobody has sessions: none must not pass for logged out. A session's own key depends on no secret. */
function lookedWith({ keyIds }: Sessions, found: number): Pick<Said, 'note'> {
  if (found > 0) return {}
  return { note: `looked with the secret${keyIds.length === 1 ? '' : 's'} ${keyIds.join(', ')}: sessions under another one are not seen (\`unstick check\` and the log of a sidecar name theirs)\n` }
}

function details(one: SessionSummary): string {
  return table([
    ['key', one.key],
    ['id', one.id ?? '(none yet)'],
    ['subject', one.subject === undefined ? '(nobody has been named)' : plain(one.subject)],
    ['started', time(one.startedAt)],
    ['expires', `${time(one.expiresAt)}, if it is not used`],
    ...(one.keptUntil === 0 ? [] : [['remembered', `until ${time(one.keptUntil)}`]]),
    ['entries', String(one.entries)],
    ['size', size(one.bytes)],
  ])
}

const nothing = (which: Which): string => ('subject' in which ? `no sessions of ${which.subject}\n` : 'no such session: it has ended, or its token was rotated and it has another key now\n')

const endOf = ({ expiresAt, keptUntil }: SessionSummary): number => Math.max(expiresAt, keptUntil)

const count = (many: number): string => (many === 1 ? '1 session' : `${many} sessions`)

/** Users choose their names, and a terminal obeys some characters. */
// eslint-disable-next-line no-control-regex
const plain = (name: string): string => name.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** To the second, in UTC, as logs have it. */
const time = (at: number): string => new Date(at).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z')

const size = (bytes: number): string => (bytes < 1_024 ? `${bytes} B` : `${(bytes / 1_024).toFixed(1)} KB`)

const jsonOf = (found: readonly SessionSummary[]): string => `${JSON.stringify(found, null, 2)}\n`

function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  return rows.map((row) => `${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ').trimEnd()}\n`).join('')
}
