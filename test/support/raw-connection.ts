/** A connection that sends exactly the bytes it is given and shows exactly the bytes it gets, in Latin-1: either side of HTTP. */
import type { Socket } from 'node:net'

export interface RawResponse {
  /** Such as `HTTP/1.1 200 OK`. */
  readonly statusLine: string
  readonly status: number
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[]
  /** The body without its framing, in Latin-1. */
  readonly body: string
  readonly trailers: readonly string[]
}

export interface RawRequestHead {
  /** Such as `GET / HTTP/1.1`. */
  readonly line: string
  /** Names and values in turn, as they came. */
  readonly headers: readonly string[]
}

/** The values of a header, in order. */
export function headerValues(message: { readonly headers: readonly string[] }, name: string): string[] {
  return message.headers.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === name.toLowerCase())
}

export function headerValue(message: { readonly headers: readonly string[] }, name: string): string | undefined {
  return headerValues(message, name)[0]
}

export class RawConnection implements Disposable {
  readonly socket: Socket
  #received = ''
  #ended = false
  #error: NodeJS.ErrnoException | undefined
  #wake: () => void = () => undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => { this.#received += chunk.toString('latin1'); this.#wake() })
    socket.on('end', () => { this.#ended = true; this.#wake() })
    socket.on('error', (error) => { this.#error = error; this.#wake() })
    socket.on('close', () => { this.#ended = true; this.#wake() })
  }

  /** Sends a text in Latin-1, or bytes. */
  send(bytes: string | Buffer): this {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    return this
  }

  /** What has come and was not taken yet. */
  get pending(): string {
    return this.#received
  }

  /** How the connection ended: undefined while it is open. */
  get ending(): 'closed' | 'reset' | undefined {
    if (this.#error !== undefined) return 'reset'
    return this.#ended ? 'closed' : undefined
  }

  /** Waits until `take` finds what it looks for in what has come. Throws when the connection ends before. */
  async #take<T>(what: string, take: (received: string, ended: boolean) => { value: T; rest: string } | undefined): Promise<T> {
    for (;;) {
      const found = take(this.#received, this.ending !== undefined)
      if (found !== undefined) {
        this.#received = found.rest
        return found.value
      }
      if (this.ending !== undefined) throw new Error(`the connection was ${this.ending} before ${what}; it had brought: ${JSON.stringify(this.#received.slice(-2_000))}`)
      await new Promise<void>((resolve) => { this.#wake = resolve })
    }
  }

  /** Everything up to and with `text`. */
  async until(text: string): Promise<string> {
    return this.#take(`"${text}"`, (received) => {
      const at = received.indexOf(text)
      return at === -1 ? undefined : { value: received.slice(0, at + text.length), rest: received.slice(at + text.length) }
    })
  }

  /** One response's head. */
  async head(): Promise<Pick<RawResponse, 'statusLine' | 'status' | 'headers'>> {
    return parseHead(await this.until('\r\n\r\n'))
  }

  /** One request's head; undefined: the connection ended instead. */
  async requestHead(): Promise<RawRequestHead | undefined> {
    const text = await this.#take('a request', (received, ended) => {
      const end = received.indexOf('\r\n\r\n')
      if (end !== -1) return { value: received.slice(0, end + 4), rest: received.slice(end + 4) }
      return ended && received === '' ? { value: undefined, rest: '' } : undefined
    })
    if (text === undefined) return undefined
    const { statusLine: line, headers } = parseHead(text)
    return { line, headers }
  }

  /** The body behind a request's head. */
  async requestBody(head: RawRequestHead): Promise<{ body: string; trailers: readonly string[] }> {
    if (headerValue(head, 'transfer-encoding') !== undefined) return this.#chunked()
    return { body: await this.bytes(Number(headerValue(head, 'content-length') ?? '0')), trailers: [] }
  }

  /** One whole response (a 1xx is one of its own). `bodiless`: the answer to a HEAD. */
  async response(options: { bodiless?: boolean } = {}): Promise<RawResponse> {
    const head = await this.head()
    if (options.bodiless === true || head.status < 200 || head.status === 204 || head.status === 304) return { ...head, body: '', trailers: [] }
    if (headerValue(head, 'transfer-encoding')?.toLowerCase() === 'chunked') return { ...head, ...(await this.#chunked()) }
    const length = headerValue(head, 'content-length')
    if (length === undefined) return { ...head, body: await this.rest(), trailers: [] }
    return { ...head, body: await this.bytes(Number(length)), trailers: [] }
  }

  async bytes(count: number): Promise<string> {
    return this.#take(`${count} bytes`, (received) => (received.length < count ? undefined : { value: received.slice(0, count), rest: received.slice(count) }))
  }

  async #chunked(): Promise<{ body: string; trailers: string[] }> {
    let body = ''
    for (;;) {
      const size = Number.parseInt(await this.until('\r\n'), 16)
      if (Number.isNaN(size)) throw new Error('a chunk without a size')
      if (size === 0) break
      body += await this.bytes(size)
      if ((await this.bytes(2)) !== '\r\n') throw new Error('a chunk without an end')
    }
    const trailers: string[] = []
    for (let line = await this.until('\r\n'); line !== '\r\n'; line = await this.until('\r\n')) trailers.push(...field(line.slice(0, -2)))
    return { body, trailers }
  }

  /** Everything that comes until the connection ends. Throws when that is by a reset. */
  async rest(): Promise<string> {
    const rest = await this.#take('its end', (received, ended) => (ended ? { value: received, rest: '' } : undefined))
    if (this.ending === 'reset') throw new Error(`the connection was reset (${this.#error?.code}) after ${rest.length} bytes`, { cause: this.#error })
    return rest
  }

  /** Waits for the connection to end, and tells how. */
  async ended(): Promise<'closed' | 'reset'> {
    while (this.ending === undefined) await new Promise<void>((resolve) => { this.#wake = resolve })
    return this.ending
  }

  /** Hangs up with a reset, as a client that is killed does. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

function parseHead(text: string): Pick<RawResponse, 'statusLine' | 'status' | 'headers'> {
  const [statusLine = '', ...lines] = text.slice(0, -4).split('\r\n')
  return { statusLine, status: Number(statusLine.split(' ')[1]), headers: lines.flatMap(field) }
}

function field(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}
