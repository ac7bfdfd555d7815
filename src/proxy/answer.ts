/** Answers of unstick's own: a code, one line, no stack. */
import { type IncomingMessage, STATUS_CODES, type ServerResponse } from 'node:http'
import { RETRY_AFTER_S, type UnstickError } from '../errors.ts'
import type { Logger } from '../log.ts'

/** Sends an error as the whole response. Only where nothing has gone out yet. `cookie`: a Set-Cookie value for the token. */
export function answer(response: ServerResponse, error: UnstickError, head: { close: boolean; cookie: string | undefined }): void {
  const body = `${error.publicMessage}\n`
  const headers = ['Content-Type', 'text/plain; charset=utf-8', 'Content-Length', String(Buffer.byteLength(body)), 'Cache-Control', 'no-store', 'Unstick-Error', error.code]
  const retry = RETRY_AFTER_S[error.code]
  if (retry !== undefined) headers.push('Retry-After', String(retry))
  if (head.cookie !== undefined) headers.push('Set-Cookie', head.cookie)
  if (head.close) headers.push('Connection', 'close')
  response.writeHead(error.status, headers)
  response.end(body, 'utf8')
}

/** What a client, a busy session or a logout brings about is nobody's fault here. */
const NOBODYS_FAULT: ReadonlySet<string> = new Set(['bad_request', 'session_busy', 'session_ended'])

/** Says so in the log. `cut`: its answer had begun, and was cut off. */
export function logAnswer(log: Logger, { method, url }: IncomingMessage, error: UnstickError, cut: boolean): void {
  const path = (url ?? '').split('?', 1)[0]
  const level = error.code === 'internal' ? 'error' : NOBODYS_FAULT.has(error.code) ? 'info' : 'warn'
  log[level]({ err: error, method, path }, cut ? `cut off: ${error.code}` : `answered ${error.status} ${error.code}`)
}

/** The same as bytes, for a connection that has no response object: a head that did not parse, an upgrade. */
export function rawAnswer(error: UnstickError): string {
  const body = `${error.publicMessage}\n`
  const retry = RETRY_AFTER_S[error.code]
  return [
    `HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? 'Error'}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    `Unstick-Error: ${error.code}`,
    ...(retry === undefined ? [] : [`Retry-After: ${retry}`]),
    'Connection: close',
    '', body,
  ].join('\r\n')
}
