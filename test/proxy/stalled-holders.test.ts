/**
 * Holders of a session's lease that stall or die: real sidecar processes, stopped and killed. The lease is 10 s and nobody's clock can be moved here, so all
 * of it happens at once: it takes the 10 s, and no sleep.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type HttpApp, httpApp } from '../support/origin-app.ts'
import { freePorts } from '../support/ports.ts'
import { type Running, start } from '../support/process.ts'
import { headerValue, type RawResponse } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url))

const suite = (kind: 'sqlite' | 'redis') => (): void => {
  let app: HttpApp
  let folder: TemporaryFolder
  let redis: RedisServer | undefined
  const sidecars: Running[] = []
  const ports: number[] = []
  /** What the app holds back, by the request's target. */
  const held = new Map<string, () => void>()

  beforeAll(async () => {
    app = await httpApp((request, response) => {
      const target = request.url ?? ''
      if (target.startsWith('/slow')) held.set(target, () => { response.setHeader('Set-Cookie', 'sid=late'); response.end('late') })
      else cookieApp(request, response)
    })
    folder = await temporaryFolder()
    redis = kind === 'redis' ? await startRedis() : undefined
    const { address } = app
    if ('unix' in address) throw new Error('not over a unix socket')
    // The one that is stopped, the one that is killed, and the one that works.
    const six = await freePorts(6)
    for (const at of [0, 1, 2]) {
      const [listen = 0, admin = 0] = six.slice(2 * at)
      const file = join(folder.path, `unstick-${at}.yaml`)
      writeFileSync(file, [
        `listen: 127.0.0.1:${listen}`, `upstream: http://127.0.0.1:${address.port}`, `store: ${redis === undefined ? `sqlite:${folder.path}/sessions.db` : `redis://127.0.0.1:${redis.port}`}`,
        `admin: { listen: "127.0.0.1:${admin}" }`, 'carriers: { cookies: { names: [sid] } }',
        'routes:', '  - { match: /look }', '  - { match: /short, lock: exclusive, lockWait: 1s }', '  - { match: "/**", lock: exclusive, lockWait: 15s }',
      ].join('\n'))
      sidecars.push(await start({
        name: `sidecar ${at}`, command: process.execPath, args: [CLI, 'run', '-c', file], env: { UNSTICK_SECRET: 'a-secret-of-the-tests-with-32-characters-or-more' },
        ready: async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok,
      }))
      ports.push(listen)
    }
  })
  afterAll(async () => {
    for (const each of sidecars) { each.signal('SIGCONT'); await each.stop() }
    await redis?.stop()
    await app[Symbol.asyncDispose]()
    await folder[Symbol.asyncDispose]()
  })

  const at = (sidecar: number) => ({ host: '127.0.0.1', port: ports[sidecar] ?? 0 })
  const through = (sidecar: number, { cookie }: TokenHolder, target: string): Promise<RawResponse> => new TokenHolder(at(sidecar), cookie).get(target)

  /** A session whose lease a sidecar holds, because the app has not answered a request that went through it. */
  async function holding(sidecar: number, target: string): Promise<{ visitor: TokenHolder; answer: Promise<RawResponse | 'cut'> }> {
    const visitor = new TokenHolder(at(sidecar))
    await visitor.get('/set?first')
    const answer = through(sidecar, visitor, target).catch(() => 'cut' as const)
    await until('the app has the request', () => held.has(target), 5_000)
    return { visitor, answer }
  }

  it('one that is killed keeps others for the lease at the most; one that stands still cannot write when it goes on; and lockWait ends the wait before', async () => {
    const stopped = await holding(0, '/slow-stopped')
    const killed = await holding(1, '/slow-killed')
    sidecars[0]?.signal('SIGSTOP')
    await sidecars[1]?.kill()
    // They wait for 15 s and no longer: for the lease, and a little for a busy machine.
    const taking = [stopped, killed].map(({ visitor }) => through(2, visitor, '/set?second'))
    // A request that will not wait so long hears so.
    const busy = await through(2, stopped.visitor, '/short')
    expect([busy.status, headerValue(busy, 'unstick-error'), headerValue(busy, 'retry-after')]).toEqual([503, 'session_busy', '1'])
    // What does not lock is not kept at all.
    expect((await through(2, stopped.visitor, '/look')).body).toBe('sid=first')
    expect((await Promise.all(taking)).map(({ status }) => status)).toEqual([200, 200])
    sidecars[0]?.signal('SIGCONT')
    held.get('/slow-stopped')?.()
    const late = await stopped.answer
    expect(late === 'cut' ? late : [late.status, headerValue(late, 'unstick-error')]).toEqual([503, 'session_busy'])
    expect(await killed.answer).toBe('cut')
    for (const { visitor } of [stopped, killed]) expect((await through(2, visitor, '/look')).body).toBe('sid=second')
    expect((await through(0, stopped.visitor, '/look')).body).toBe('sid=second')
  }, 60_000)
}

describe('over SQLite', suite('sqlite'))
describeWith(['redis'], 'over Redis', suite('redis'))
