/**
 * An app that reads HTTP as narrowly as RFC 9112 lets anybody, from bare bytes, and takes note of whatever else comes: what it can read, every server
 * reads in the same way. Written from the RFC and not from the code under test.
 */
import type { Socket } from 'node:net'
import { type OriginApp, rawApp } from './origin-app.ts'

export interface StrictRequest {
  readonly method: string
  readonly target: string
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly body: string
  readonly trailers: readonly string[]
}

export interface StrictApp extends OriginApp {
  readonly requests: StrictRequest[]
  /** What could be read in more than one way, or in none. */
  readonly violations: string[]
}

/** `answer`: the whole response as text; undefined: the connection is closed. */
export async function strictApp(answer: (request: StrictRequest) => string | undefined): Promise<StrictApp> {
  const requests: StrictRequest[] = []
  const violations: string[] = []
  const app = await rawApp((socket) => {
    let received = ''
    socket.on('data', (chunk: Buffer) => {
      received += chunk.toString('latin1')
      for (;;) {
        let read: { request: StrictRequest; rest: string } | undefined
        try {
          read = readRequest(received)
        } catch (error) {
          violations.push(`${String(error)}: ${JSON.stringify(received.slice(0, 400))}`)
          socket.destroy()
          return
        }
        if (read === undefined) return
        received = read.rest
        requests.push(read.request)
        reply(socket, answer(read.request))
      }
    })
  })
  return Object.assign(app, { requests, violations })
}

function reply(socket: Socket, text: string | undefined): void {
  if (text === undefined) socket.destroy()
  else socket.write(Buffer.from(text, 'latin1'))
}

const REQUEST_LINE = /^([A-Z][A-Z-]*) (\/[\x21-\x7e\x80-\xff]*|\*) HTTP\/1\.1$/
// eslint-disable-next-line no-control-regex
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([^\x00-\x08\x0a-\x1f\x7f]*)$/

/** undefined: not whole yet. Throws what is wrong with it. */
function readRequest(bytes: string): { request: StrictRequest; rest: string } | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [line = '', ...lines] = bytes.slice(0, end).split('\r\n')
  const [, method = '', target = ''] = REQUEST_LINE.exec(line) ?? fail(`not a request line ${JSON.stringify(line)}`)
  const headers = fields(lines)
  const valuesOf = (name: string): string[] => headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name)
  if (valuesOf('host').length !== 1) fail('not one Host')
  const [lengths, codings] = [valuesOf('content-length'), valuesOf('transfer-encoding')]
  if (lengths.length + codings.length > 1) fail('more than one length')
  let rest = bytes.slice(end + 4)
  let body = ''
  let trailers: readonly string[] = []
  if (codings.length === 1) {
    if (codings[0] !== 'chunked') fail(`a coding ${JSON.stringify(codings[0])}`)
    const chunks = readChunks(rest)
    if (chunks === undefined) return undefined
    ;({ body, trailers, rest } = chunks)
  } else if (lengths.length === 1) {
    if (!/^\d{1,15}$/.test(lengths[0] ?? '')) fail(`a length ${JSON.stringify(lengths[0])}`)
    const length = Number(lengths[0])
    if (rest.length < length) return undefined
    body = rest.slice(0, length)
    rest = rest.slice(length)
  }
  return { request: { method, target, headers, body, trailers }, rest }
}

function readChunks(bytes: string): { body: string; trailers: readonly string[]; rest: string } | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const text = bytes.slice(at, end)
    if (!/^[0-9A-Fa-f]{1,8}$/.test(text)) fail(`a chunk size ${JSON.stringify(text)}`)
    const size = Number.parseInt(text, 16)
    at = end + 2
    if (size === 0) break
    if (bytes.length < at + size + 2) return undefined
    body += bytes.slice(at, at + size)
    if (bytes.slice(at + size, at + size + 2) !== '\r\n') fail('a chunk that does not end where it said')
    at += size + 2
  }
  const lines: string[] = []
  for (;;) {
    const end = bytes.indexOf('\r\n', at)
    if (end === -1) return undefined
    const line = bytes.slice(at, end)
    at = end + 2
    if (line === '') return { body, trailers: fields(lines), rest: bytes.slice(at) }
    lines.push(line)
  }
}

const fields = (lines: readonly string[]): string[] => lines.flatMap((line) => {
  const [, name = '', value = ''] = FIELD.exec(line) ?? fail(`not a field ${JSON.stringify(line)}`)
  return [name, value]
})

function fail(what: string): never {
  throw new Error(what)
}
