import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { httpApp } from '../support/origin-app.ts'
import { headerValue, headerValues } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { runSidecar } from '../support/running-sidecar.ts'
import { until } from '../support/until.ts'
import { cookieApp, TokenHolder } from '../support/visitor.ts'

let redis: RedisServer
beforeAll(async () => { redis = await startRedis(['--appendonly', 'yes', '--appendfsync', 'always']) })
afterAll(async () => { await redis.stop() })

describe('a store that is down', () => {
  it.each([
    ['killed', () => redis.kill(), () => redis.restart()],
    ['hung', () => redis.pause(), async () => { redis.resume() }],
  ] as const)('because it was %s: 503 for who has a session, nobody\'s cookie is cleared, others are served; and all is well when it is back', async (_, stop, start) => {
    await using app = await httpApp(cookieApp)
    await using sidecar = await runSidecar(app, { storeConfig: redis.config })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    const token = visitor.cookie
    await stop()
    try {
      const refused = await visitor.get('/')
      expect([refused.status, headerValue(refused, 'unstick-error'), headerValue(refused, 'retry-after')]).toEqual([503, 'store_unavailable', '2'])
      expect(headerValues(refused, 'set-cookie')).toEqual([])
      expect(refused.body).toMatch(/^[^\n]+\n$/)
      const stranger = new TokenHolder(sidecar.address)
      expect(await stranger.get('/', ['Cookie: a=b'])).toMatchObject({ status: 200, body: 'a=b' })
      expect(await new TokenHolder(sidecar.address, 'unstick=forged').get('/')).toMatchObject({ status: 200 })
      const unsaved = await stranger.get('/set?lost')
      expect([unsaved.status, headerValue(unsaved, 'unstick-error'), headerValues(unsaved, 'set-cookie')]).toEqual([503, 'store_unavailable', []])
    } finally {
      await start()
    }
    await until('the session is back', async () => (await visitor.get('/')).body === 'sid=mine', 20_000)
    expect(visitor.cookie).toBe(token)
  }, 60_000)

  it('while an answer is on its way that changes the session: 503 and not the app\'s answer, which the next replica would not know of', async () => {
    let answer: () => void = () => undefined
    await using app = await httpApp((request, response) => {
      if (request.url === '/slow') answer = () => { response.setHeader('Set-Cookie', 'sid=changed').end('done') }
      else cookieApp(request, response)
    })
    await using sidecar = await runSidecar(app, { storeConfig: redis.config })
    const visitor = new TokenHolder(sidecar.address)
    await visitor.get('/set?mine')
    const asked = visitor.get('/slow')
    await until('the app has it', () => app.requests.length === 2, 5_000)
    await redis.kill()
    try {
      answer()
      const refused = await asked
      expect([refused.status, headerValue(refused, 'unstick-error'), headerValues(refused, 'set-cookie')]).toEqual([503, 'store_unavailable', []])
    } finally {
      await redis.restart()
    }
    await until('the session is as it was', async () => (await visitor.get('/')).body === 'sid=mine', 20_000)
  }, 60_000)
})

describe('a session over its limits', () => {
  const limits = { entryBytes: 4_000, sessionBytes: 10_000 }

  it.each([['memory', undefined], ['redis', () => redis.config]])('is answered with 413 too_large, and nothing of it is written: %s', async (_, storeConfig) => {
    await using app = await httpApp((request, response) => {
      const [path, count = '1'] = (request.url ?? '').split('?')
      if (path === '/entry') response.setHeader('Set-Cookie', ['remember_a=small', `sid=${'x'.repeat(4_100)}`])
      if (path === '/session') response.setHeader('Set-Cookie', Array.from({ length: Number(count) }, (_, i) => `remember_${i}=${'x'.repeat(3_000)}`))
      if (path === '/large') response.setHeader('Set-Cookie', `sid=${'x'.repeat(4_100)}`).write('y'.repeat(200_000))
      if (path === '/') response.write(createHash('sha256').update(request.headers.cookie ?? '').digest('hex'))
      response.end()
    })
    await using sidecar = await runSidecar(app, { limits, ...(storeConfig === undefined ? {} : { storeConfig: storeConfig() }) })
    const visitor = new TokenHolder(sidecar.address)
    for (const target of ['/entry', '/session?4', '/large']) {
      const refused = await visitor.get(target)
      expect([target, refused.status, headerValue(refused, 'unstick-error'), headerValues(refused, 'set-cookie')]).toEqual([target, 413, 'too_large', []])
    }
    expect((await visitor.get('/session?2')).status).toBe(200)
    const before = (await visitor.get('/')).body
    for (const target of ['/entry', '/session?4', '/large']) {
      const refused = await visitor.get(target)
      expect([target, refused.status, headerValue(refused, 'unstick-error'), headerValues(refused, 'set-cookie')]).toEqual([target, 413, 'too_large', []])
    }
    expect((await visitor.get('/')).body).toBe(before)
  })
})

describe('two sidecars with one store', () => {
  it('serve one session: what one has answered, the other knows', async () => {
    await using app = await httpApp(cookieApp)
    await using one = await runSidecar(app, { storeConfig: redis.config })
    await using two = await runSidecar(app, { storeConfig: redis.config })
    const here = new TokenHolder(one.address)
    await here.get('/set?0')
    for (let i = 1; i <= 25; i += 1) {
      await here.get(`/set?${i}`)
      expect((await new TokenHolder(two.address, here.cookie).get('/')).body).toBe(`sid=${i}`)
    }
    await new TokenHolder(two.address, here.cookie).get('/end')
    expect((await here.get('/')).body).toBe('')
  })
})
