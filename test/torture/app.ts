/**
 * The app under torture: plain node:http, and knows nothing of unstick. `node app.ts PORT cookies` keeps its state in the values of several cookies;
 * `node app.ts PORT files FOLDER atomic|in-place` keeps it in one JSON file a session, named by an id that a login changes.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, constants, ftruncateSync, openSync, readFileSync, renameSync, unlinkSync, writeFileSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { END, ENTRIES, type EntryKey, ID_COOKIE, type Saw, SAW_HEADER, type Shape } from './words.ts'

type Entries = Partial<Record<EntryKey, { owner: string; list: number[] }>>

interface State {
  owner: string
  entries: Entries
}

/** Where the state of a session lies. `save` and `end` answer with the Set-Cookie headers; `flush` does what is left to do at the end of a response. */
interface Place {
  load(cookies: ReadonlyMap<string, string>): State | undefined
  start(state: State): string[]
  /** Under a new id. */
  renew(cookies: ReadonlyMap<string, string>, state: State): string[]
  save(cookies: ReadonlyMap<string, string>, state: State, changed: EntryKey): { cookies: string[]; flush: () => void }
  /** The id's cookie once more, with an expiry that moves: as apps do that keep their users logged in. */
  again(cookies: ReadonlyMap<string, string>): string[]
  end(cookies: ReadonlyMap<string, string>, keepCookie: boolean): string[]
}

const newId = (): string => randomBytes(16).toString('hex')
const set = (name: string, value: string): string => `${name}=${value}; Path=/; HttpOnly`
const setAgain = (cookies: ReadonlyMap<string, string>): string[] => [`${set(ID_COOKIE, cookies.get(ID_COOKIE) ?? '')}; Max-Age=3600`]
const expire = (name: string): string => `${name}=; Path=/; Max-Age=0`

const inCookies: Place = {
  load(cookies) {
    const id = cookies.get(ID_COOKIE)
    const entries: Entries = {}
    for (const name of ENTRIES) {
      const [owner, list] = cookies.get(name)?.split('~') ?? []
      if (owner !== undefined && list !== undefined) entries[name] = { owner, list: list.split('-').map(Number) }
    }
    // Any of them alone counts as a session: after a logout none may be there.
    const owner = id?.split('~')[0] ?? Object.values(entries)[0]?.owner
    return owner === undefined ? undefined : { owner, entries }
  },
  start: ({ owner }) => [set(ID_COOKIE, `${owner}~${newId()}`)],
  renew: (_cookies, { owner }) => [set(ID_COOKIE, `${owner}~${newId()}`)],
  save: (_cookies, { entries }, changed) => ({ cookies: [set(changed, `${entries[changed]?.owner}~${entries[changed]?.list.join('-')}`)], flush: () => undefined }),
  again: setAgain,
  end: () => [ID_COOKIE, ...ENTRIES].map(expire),
}

function inFiles(folder: string, how: string): Place {
  const path = (id: string): string => join(folder, `sess_${id}`)
  const idOf = (cookies: ReadonlyMap<string, string>): string | undefined => {
    const id = cookies.get(ID_COOKIE)
    return id !== undefined && /^[0-9a-f]{32}$/.test(id) ? id : undefined
  }
  const write = (id: string, state: State): void => {
    const text = JSON.stringify(state)
    if (how === 'atomic') {
      const temporary = join(folder, `.new-${id}`)
      writeFileSync(temporary, text, { mode: 0o600 })
      renameSync(temporary, path(id))
      return
    }
    // As PHP does it: over what is there, then cut to length.
    const file = openSync(path(id), constants.O_WRONLY | constants.O_CREAT, 0o600)
    ftruncateSync(file, writeSync(file, text, 0))
    closeSync(file)
  }
  const remove = (id: string | undefined): void => {
    if (id !== undefined) unlinkSync(path(id))
  }
  return {
    load(cookies) {
      const id = idOf(cookies)
      if (id === undefined) return undefined
      try {
        return JSON.parse(readFileSync(path(id), 'utf8')) as State
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
        throw error
      }
    },
    start(state) {
      const id = newId()
      write(id, state)
      return [set(ID_COOKIE, id)]
    },
    renew(cookies, state) {
      const answer = this.start(state)
      remove(idOf(cookies))
      return answer
    },
    save: (cookies, state) => ({ cookies: [], flush: () => write(idOf(cookies) ?? newId(), state) }),
    again: setAgain,
    end(cookies, keepCookie) {
      remove(idOf(cookies))
      return keepCookie ? [] : [expire(ID_COOKIE)]
    },
  }
}

const [port, carrier, folder, how] = process.argv.slice(2)
const place = carrier === 'files' ? inFiles(folder ?? '.', how ?? 'atomic') : inCookies

async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://app')
  const asked = url.searchParams
  const action = url.pathname.split('/').at(-1)
  const cookies = new Map((request.headers.cookie ?? '').split('; ').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]))
  let state = place.load(cookies)
  const delay = Number(asked.get('delay') ?? 0)
  if (delay > 0) await pause(delay)
  let headers: string[] = []
  let flush = (): void => undefined
  let ended = false
  if (action === 'start') {
    state = { owner: asked.get('owner') ?? '', entries: {} }
    headers = place.start(state)
  } else if (state !== undefined && action === 'login') headers = place.renew(cookies, state)
  else if (state !== undefined && action === 'append') {
    const entry = asked.get('entry') as EntryKey
    state.entries[entry] = { owner: state.owner, list: [...(state.entries[entry]?.list ?? []), Number(asked.get('op'))] }
    const saved = place.save(cookies, state, entry)
    headers = asked.has('rolling') ? [...saved.cookies, ...place.again(cookies)] : saved.cookies
    flush = saved.flush
  } else if (action === 'logout') {
    ended = state !== undefined
    if (ended) headers = place.end(cookies, asked.has('keepCookie'))
    state = undefined
  }
  const saw: Saw = { owner: state?.owner ?? null, entries: state?.entries ?? {}, ended }
  response.setHeader(SAW_HEADER, JSON.stringify(saw))
  if (headers.length > 0) response.setHeader('Set-Cookie', headers)
  await answer(response, asked.get('shape') as Shape | null ?? 'plain', flush)
}

const PIECE = `${'.'.repeat(32 * 1024 - 1)}\n`
const PIECES = 8

async function answer(response: ServerResponse, shape: Shape, flush: () => void): Promise<void> {
  if (shape === 'plain') {
    flush()
    response.setHeader('Content-Length', END.length)
    response.end(END)
  } else if (shape === 'slow') {
    response.write('first\n')
    await pause(60)
    flush()
    response.write('second\n')
    await pause(20)
    response.end(END)
  } else {
    response.setHeader('Content-Length', PIECES * PIECE.length + END.length)
    for (let i = 0; i < PIECES; i += 1) {
      response.write(PIECE)
      await pause(3)
    }
    flush()
    response.end(END)
  }
}

createServer((request, response) => {
  handle(request, response).catch((error: unknown) => {
    process.stderr.write(`${String(error)}\n`)
    if (response.headersSent) response.destroy()
    else {
      response.statusCode = 500
      response.end(String(error))
    }
  })
}).listen(Number(port), '127.0.0.1')
