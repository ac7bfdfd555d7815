/** Plays cases: an app on bare sockets, and a sidecar before it for each setting. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Address } from '../../../src/config/config.ts'
import { type OriginApp, rawApp } from '../../support/origin-app.ts'
import { headerValues, RawClient } from '../../support/raw-client.ts'
import { RawConnection } from '../../support/raw-connection.ts'
import { type Overrides, runSidecar, type RunningSidecar } from '../../support/running-sidecar.ts'
import { until } from '../../support/until.ts'
import { ALL_SETTINGS, type AppSide, type Case, type ClientSide, sameRequest, sameResponse, type SettingName, type Told } from './case.ts'

interface Play {
  readonly the: Case
  readonly setting: SettingName
  readonly session: string
  readonly seen: unknown[]
  /** What its app scripts do, one for each connection. */
  readonly scripts: Promise<void>[]
  readonly points: Set<string>
}

class Stage {
  readonly #folder = mkdtempSync(join(tmpdir(), 'unstick-same-'))
  #app: OriginApp | undefined
  readonly #sidecars = new Map<string, RunningSidecar>()
  #play: Play | undefined
  #sessions = 0

  async open(): Promise<void> {
    this.#app = await rawApp((socket) => {
      const play = this.#play
      // A connection that is opened between two plays is nobody's.
      if (play === undefined) socket.destroy()
      else play.scripts.push(this.#perform(play, new RawConnection(socket)))
    })
  }

  async close(): Promise<void> {
    for (const sidecar of this.#sidecars.values()) await sidecar.stop()
    await this.#app?.[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async told(the: Case, setting: SettingName, way: 'direct' | 'through'): Promise<Told> {
    if (this.#app === undefined) throw new Error('the stage is not open')
    this.#sessions += 1
    const session = `s${this.#sessions}`
    const address = way === 'direct' ? this.#app.address : (await this.#sidecar(the, setting)).address
    const cookie = setting === 'without a session' ? undefined : way === 'direct' ? `sid=${session}` : await this.#login(address, session)
    const play: Play = { the, setting, session, seen: [], scripts: [], points: new Set() }
    this.#play = play
    const open: RawClient[] = []
    try {
      const client = await the.client(await side(address, cookie, { open, points: play.points, isDirect: way === 'direct' }))
      for (const connection of open) connection.socket.destroy()
      await this.#alone(play)
      return { client, app: play.seen }
    } finally {
      this.#play = undefined
      for (const connection of open) connection.socket.destroy()
    }
  }

  /** The next play must not find a connection of this one. */
  async #alone(play: Play): Promise<void> {
    for (const socket of this.#app?.sockets ?? []) socket.end()
    await until('the app\'s connections are closed', () => this.#app?.sockets.size === 0, 15_000)
    await Promise.all(play.scripts)
  }

  async #sidecar(the: Case, setting: SettingName): Promise<RunningSidecar> {
    const key = `${setting} ${JSON.stringify(the.limits ?? {})}`
    const running = this.#sidecars.get(key)
    if (running !== undefined) return running
    if (this.#app === undefined) throw new Error('the stage is not open')
    const path = (id: string): string => join(this.#folder, id)
    const files: Overrides = setting === 'with a session file' ? { cookies: { names: [] }, files: [{ cookie: 'sid', id: undefined, path: `${this.#folder}/{id}`, render: path }] } : {}
    const sidecar = await runSidecar(this.#app, { ...files, limits: { headerBytes: 32 * 1024, ...the.limits } })
    this.#sidecars.set(key, sidecar)
    return sidecar
  }

  /** A session of its own for each play. */
  async #login(address: Address, session: string): Promise<string> {
    const the: Case = {
      id: 'login',
      async client() { /* asks for itself */ },
      async app(app) {
        await app.head()
        app.answer(`HTTP/1.1 200 OK\r\nSet-Cookie: sid=${session}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
        app.connection.socket.end()
      },
    }
    const play: Play = { the, setting: 'with a session', session, seen: [], scripts: [], points: new Set() }
    this.#play = play
    writeFileSync(join(this.#folder, session), 'begun')
    using client = await RawClient.connect(address)
    const response = await client.send('GET /login HTTP/1.1\r\nHost: app.example\r\n\r\n').response()
    await this.#alone(play)
    const cookie = headerValues(response, 'set-cookie').find((value) => value.startsWith('unstick='))?.split(';', 1)[0]
    if (cookie === undefined) throw new Error('the login gave no token')
    return cookie
  }

  async #perform(play: Play, connection: RawConnection): Promise<void> {
    const { the, setting, session, seen } = play
    const app: AppSide = {
      connection,
      async head() {
        const head = await connection.requestHead()
        if (head !== undefined) seen.push(sameRequest(head))
        return head
      },
      async body(head) {
        const body = await connection.requestBody(head)
        seen.push(body)
        return body
      },
      async request() {
        const head = await app.head()
        return head === undefined ? undefined : { ...head, ...(await app.body(head)) }
      },
      answer: (text) => {
        if (setting === 'with a session file') writeFileSync(join(this.#folder, session), `seen ${seen.length}`)
        connection.send(setting === 'with a session that changes' ? text.replace(/^HTTP\/1\.[01] [2-9]\d\d.*\r?\n/m, (line) => `${line}Set-Cookie: sid=${session}; Path=/; Max-Age=${seen.length + 1000}\r\n`) : text)
      },
      note: (what) => { seen.push(what) },
      reach: (point) => { play.points.add(point) },
    }
    try {
      await the.app(app)
    } catch (error) {
      seen.push(`the app's script failed: ${String(error).slice(0, 200)}`)
      connection.socket.destroy()
    }
  }
}

async function side(address: Address, cookie: string | undefined, play: { readonly open: RawClient[]; readonly points: ReadonlySet<string>; readonly isDirect: boolean }): Promise<ClientSide> {
  const connection = await RawClient.connect(address)
  play.open.push(connection)
  return {
    connection,
    isDirect: play.isDirect,
    ask: (request) => { connection.send(cookie === undefined ? request : request.replace('\r\n\r\n', `\r\nCookie: ${cookie}\r\n\r\n`)) },
    response: async (options) => sameResponse(await connection.response(options)),
    another: () => side(address, cookie, play),
    reached: async (point) => { await until(`the app has come to "${point}"`, () => play.points.has(point), 10_000) },
  }
}

/** A test for each case in each of its settings. `timeoutMs`: for each. */
export function play(subject: string, cases: readonly Case[], timeoutMs = 30_000): void {
  const stage = new Stage()
  beforeAll(() => stage.open())
  afterAll(() => stage.close())
  describe(`through unstick as directly: ${subject}`, () => {
    it.each(cases.flatMap((the) => (the.settings ?? ALL_SETTINGS).map((setting) => ({ id: the.id, the, setting }))))('$id, $setting', async ({ the, setting }) => {
      const direct = await stage.told(the, setting, 'direct')
      const through = await stage.told(the, setting, 'through')
      const same = (told: Told, session: RegExp): unknown => JSON.parse(JSON.stringify(told).replaceAll(session, 'sid=…'))
      expect(JSON.stringify(direct)).not.toContain('script failed')
      if (the.differs === undefined) expect(same(through, /sid=s\d+/g)).toEqual(same(direct, /sid=s\d+/g))
      else the.differs({ direct, through })
    }, timeoutMs)
  })
}
