/**
 * Sessions over the admin port, for what looks after users: `GET /sessions?subject=alice`, `GET /sessions/KEY`, and `DELETE` of both. Always asks for
 * the admin token, since it logs people out.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { UnstickError } from '../errors.ts'

/** What is told of a session here: as JSON, times in milliseconds since the epoch. */
export interface SessionDirectory {
  list(subject: string): Promise<readonly object[]>
  /** undefined: no such session. */
  show(key: string): Promise<object | undefined>
  /** false: no such session. */
  revoke(key: string): Promise<boolean>
  /** How many there were. */
  revokeAll(subject: string): Promise<number>
}

/** `url` is that of a request for `/sessions`, or below. */
export async function answerSessions(sessions: SessionDirectory, { method }: IncomingMessage, url: URL, response: ServerResponse): Promise<void> {
  const key = url.pathname.slice('/sessions/'.length)
  const subject = url.searchParams.get('subject') ?? ''
  if (method !== 'GET' && method !== 'HEAD' && method !== 'DELETE') return say(response, 405, { error: 'GET tells of sessions, DELETE ends them.' })
  if ((key === '') === (subject === '')) return say(response, 400, { error: 'Say whose sessions, /sessions?subject=NAME, or which one, /sessions/KEY.' })
  try {
    if (method === 'DELETE') {
      const revoked = key === '' ? await sessions.revokeAll(subject) : Number(await sessions.revoke(key))
      return say(response, key !== '' && revoked === 0 ? 404 : 200, { revoked })
    }
    if (key === '') return say(response, 200, { sessions: await sessions.list(subject) })
    const session = await sessions.show(key)
    return session === undefined ? say(response, 404, { error: 'No such session.' }) : say(response, 200, session)
  } catch (error) {
    if (!(error instanceof UnstickError)) throw error
    return say(response, error.status, { error: error.message })
  }
}

function say(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' })
  response.end(`${JSON.stringify(body)}\n`)
}
