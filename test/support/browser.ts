/**
 * A client that deals with cookies as browsers do: it keeps a jar, sends back what belongs to a path, follows
 * redirects, and ignores a cookie whose name and value together are longer than 4096 bytes (RFC 6265bis 5.6).
 */
const LONGEST_COOKIE = 4096
const MOST_REDIRECTS = 10
const REQUEST_MS = 60_000

export interface Page {
  /** Of the last answer, after redirects. */
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** What a request says beside its cookies. */
export interface Sent {
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | URLSearchParams
}

/** An answer as the client has it: every line of its head, and its body. */
export interface Answer {
  readonly head: Headers
  readonly body: string
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
}

/** The head of an answer came, and then the connection broke: nobody can send that answer again but who asks again. */
export class CutShort extends Error {
  override readonly name = 'CutShort'
}

export class Browser {
  readonly #origin: string
  readonly #jar = new Map<string, Cookie>()
  readonly #headers: Readonly<Record<string, string>>
  readonly #answered: (answer: Answer) => void

  /**
   * `origin`: such as `http://127.0.0.1:8080`. All that it visits is there. `answered` hears of every answer, redirects too. `headers`
   * go with every request.
   */
  constructor(origin: string, answered: (answer: Answer) => void = () => {}, headers: Readonly<Record<string, string>> = {}) {
    this.#origin = origin
    this.#headers = headers
    this.#answered = answered
  }

  get(path: string): Promise<Page> {
    return this.#visit('GET', path)
  }

  /** Any other request, as scripts of a page send them. */
  send(method: string, path: string, sent: Sent = {}): Promise<Page> {
    return this.#visit(method, path, sent)
  }

  /** Sends a form as `application/x-www-form-urlencoded`. */
  post(path: string, form: Readonly<Record<string, string>>): Promise<Page> {
    return this.#visit('POST', path, { body: new URLSearchParams(form) })
  }

  /** Another client that holds what this one holds now. */
  copy(): Browser {
    const copy = new Browser(this.#origin, this.#answered, this.#headers)
    for (const [key, cookie] of this.#jar) copy.#jar.set(key, cookie)
    return copy
  }

  /** Everything that the client holds, in the order in which it came. */
  cookies(): readonly Cookie[] {
    return [...this.#jar.values()]
  }

  cookie(name: string): string | undefined {
    return this.cookies().find((cookie) => cookie.name === name)?.value
  }

  async #visit(method: string, path: string, sent: Sent = {}): Promise<Page> {
    let url = new URL(path, this.#origin)
    let answer = await this.#ask(method, url, sent)
    for (let redirects = 0; isRedirect(answer.response.status); redirects += 1) {
      if (redirects === MOST_REDIRECTS) throw new Error(`${method} ${path} was redirected ${MOST_REDIRECTS} times, last to ${url.pathname}`)
      url = new URL(answer.response.headers.get('location') ?? '', url)
      answer = await this.#ask('GET', url)
    }
    return { url, status: answer.response.status, headers: answer.response.headers, text: answer.text }
  }

  async #ask(method: string, url: URL, { headers = {}, body }: Sent = {}): Promise<{ response: Response; text: string }> {
    const cookies = this.cookies().filter((cookie) => belongs(cookie.path, url.pathname))
    const response = await fetch(url, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(REQUEST_MS),
      headers: { ...this.#headers, ...headers, ...(cookies.length === 0 ? {} : { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }) },
      ...(body === undefined ? {} : { body }),
    })
    for (const header of response.headers.getSetCookie()) this.#keep(header, url)
    const text = await textOf(response).catch((error: unknown) => {
      this.#answered({ head: response.headers, body: '' })
      throw error
    })
    this.#answered({ head: response.headers, body: text })
    return { response, text }
  }

  #keep(header: string, url: URL): void {
    const [pair = '', ...attributes] = header.split(';').map((part) => part.trim())
    const [name, value] = split(pair)
    if (name.length + value.length > LONGEST_COOKIE) return
    const settings = new Map(attributes.map(split).map(([key, text]) => [key.toLowerCase(), text]))
    const path = settings.get('path')?.startsWith('/') === true ? (settings.get('path') ?? '/') : parent(url.pathname)
    const maxAge = settings.get('max-age')
    const expires = settings.get('expires')
    const ends = maxAge === undefined ? Date.parse(expires ?? '') : Date.now() + Number(maxAge) * 1000
    const key = `${name};${path}`
    if (ends <= Date.now()) this.#jar.delete(key)
    else this.#jar.set(key, { name, value, path })
  }
}

async function textOf(response: Response): Promise<string> {
  try {
    return await response.text()
  } catch (error) {
    throw new CutShort(`the answer to ${new URL(response.url).pathname} was cut short`, { cause: error })
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

function belongs(cookiePath: string, path: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
}

function parent(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/'
}

function split(text: string): [string, string] {
  const at = text.indexOf('=')
  return at === -1 ? [text, ''] : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}
