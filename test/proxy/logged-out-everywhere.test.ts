/** Users who are logged out everywhere, by the command and over the admin port: real processes, over each store that several can share. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpApp, httpApp } from '../support/origin-app.ts'
import { freePorts } from '../support/ports.ts'
import { type Running, start } from '../support/process.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))
const SECRET = 'a-secret-of-the-tests-with-32-characters-or-more'
const ADMIN_TOKEN = 'the admin token of the tests'

const run = promisify(execFile)

describe.each(['sqlite', 'redis'] as const)('over %s', (kind) => {
  let app: HttpApp
  let folder: TemporaryFolder
  let redis: RedisServer | undefined
  let sidecars: Running[] = []
  let listen: number[]
  let admin: number[]

  beforeAll(async () => {
    // `/login?user=NAME` begins a session in a cookie; `/events` is an event stream.
    app = await httpApp((request, response) => {
      const user = new URL(request.url ?? '/', 'http://app').searchParams.get('user')
      if (request.url === '/events') {
        response.setHeader('Content-Type', 'text/event-stream')
        response.write('data: first\n\n')
      } else if (user !== null) {
        response.setHeader('Set-Cookie', `sid=${user}`)
        response.end()
      } else cookieApp(request, response)
    })
    if ('unix' in app.address) throw new Error('not over a unix socket')
    folder = await temporaryFolder()
    redis = kind === 'redis' ? await startRedis() : undefined
    const ports = await freePorts(4)
    listen = ports.slice(0, 2)
    admin = ports.slice(2)
    const upstream = `http://127.0.0.1:${app.address.port}`
    sidecars = await Promise.all(listen.map(async (port, i) => {
      writeFileSync(join(folder.path, `unstick-${i}.yaml`), [
        `listen: 127.0.0.1:${port}`, `upstream: ${upstream}`, `store: ${redis === undefined ? `sqlite:${folder.path}/sessions.db` : `redis://127.0.0.1:${redis.port}`}`,
        `admin: { listen: "127.0.0.1:${admin[i]}", token: ${ADMIN_TOKEN} }`,
        'carriers:', '  cookies: { names: [sid] }', '  headers: { capture: [{ on: "GET /login", set: { user: query.user }, subject: user }] }',
      ].join('\n'))
      return start({
        name: `sidecar ${i}`, command: process.execPath, args: [CLI, 'run', '-c', join(folder.path, `unstick-${i}.yaml`)], env: { UNSTICK_SECRET: SECRET },
        ready: async () => (await fetch(`http://127.0.0.1:${admin[i]}/readyz`)).ok,
      })
    }))
  })
  afterAll(async () => {
    await Promise.all(sidecars.map((each) => each.stop()))
    await redis?.stop()
    await app[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const at = (i: number) => ({ host: '127.0.0.1', port: listen[i] ?? 0 })

  async function loggedIn(user: string, i: number): Promise<TokenHolder> {
    const holder = new TokenHolder(at(i))
    await holder.get(`/login?user=${user}`)
    expect((await holder.get('/')).body).toBe(`sid=${user}`)
    return holder
  }

  const seen = async ({ cookie }: TokenHolder, i: number): Promise<string> => (await new TokenHolder(at(i), cookie).get('/')).body

  async function sessions(...args: string[]): Promise<string> {
    return (await run(process.execPath, [CLI, 'sessions', ...args, '-c', join(folder.path, 'unstick-0.yaml')], { env: { ...process.env, UNSTICK_SECRET: SECRET } })).stdout
  }

  async function askAdmin(i: number, path: string, method = 'GET'): Promise<unknown> {
    return (await fetch(`http://127.0.0.1:${admin[i]}${path}`, { method, headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })).json()
  }

  it('a user is logged out of all sessions at all sidecars by the command, and others are not', async () => {
    const [laptop, phone, bob] = [await loggedIn('alice', 0), await loggedIn('alice', 1), await loggedIn('bob', 0)]
    expect(await sessions('list', '--subject', 'alice')).toMatch(/^2 sessions of alice\n/)
    expect(await sessions('revoke', '--subject', 'alice')).toBe('ended 2 sessions of alice\n')
    for (const holder of [laptop, phone]) for (const i of [0, 1]) expect(await seen(holder, i)).toBe('')
    expect(await seen(bob, 1)).toBe('sid=bob')
    expect(await sessions('list', '--subject', 'alice')).toBe('0 sessions of alice\n')
  })

  it('one session is ended over the admin port of any sidecar, and its event stream at another is cut off', async () => {
    const [one, other] = [await loggedIn('carol', 0), await loggedIn('carol', 0)]
    const request = httpRequest({ ...at(0), path: '/events', agent: false, headers: { cookie: one.cookie ?? '' } })
    request.end()
    const [events] = await once(request, 'response') as [IncomingMessage]
    events.resume()
    const cut = once(events, 'error')
    const { sessions: found } = await askAdmin(1, '/sessions?subject=carol') as { sessions: { key: string; subject: string }[] }
    expect(found.map(({ subject }) => subject)).toEqual(['carol', 'carol'])
    // Which of the two is the first one cannot be told from outside, so both are tried: the list has no token in it.
    for (const { key } of found) expect(await askAdmin(1, `/sessions/${key}`, 'DELETE')).toEqual({ revoked: 1 })
    await cut
    expect([await seen(one, 0), await seen(other, 1)]).toEqual(['', ''])
  })

  it('who logs in again has a session again', async () => {
    const before = await loggedIn('dave', 0)
    await askAdmin(0, '/sessions?subject=dave', 'DELETE')
    const after = await loggedIn('dave', 1)
    expect([await seen(before, 0), await seen(after, 0)]).toEqual(['', 'sid=dave'])
    expect(await sessions('show', '--subject', 'dave')).toMatch(/^subject {2}dave$/m)
  })

  it('neither the command nor the log shows a token or what is in a session', async () => {
    const erin = await loggedIn('erin', 0)
    const random = /unstick=[\w-]{6}([\w-]{43})/.exec(erin.cookie ?? '')?.[1] ?? 'no token'
    const told = await sessions('show', '--subject', 'erin') + await sessions('list', '--subject', 'erin', '--json') + JSON.stringify(await askAdmin(0, '/sessions?subject=erin')) + sidecars.map((each) => each.output()).join('')
    expect(told).toContain('erin')
    expect(told).not.toContain(random)
    expect(told).not.toContain('sid=erin')
  })
})
