import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { UnstickError } from '../../src/errors.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { countingStore } from '../support/counting-store.ts'
import { rawReplies } from '../support/origin-app.ts'
import { ask, get, headerValue, RawClient } from '../support/raw-client.ts'
import { runSidecar, SECRET } from '../support/running-sidecar.ts'
import { TokenHolder } from '../support/visitor.ts'

const folder = mkdtempSync(join(tmpdir(), 'unstick-'))
afterAll(() => { rmSync(folder, { recursive: true, force: true }) })

/** What nobody may ever read in a log, or in an answer of unstick's own. */
const HUSH = 'hush5f3a'

/** A token is handed out in Set-Cookie, with an answer of unstick's own too where a commit went before it. */
const withoutSetCookie = (headers: readonly string[]): string[] => headers.filter((_, i, all) => all[i - (i % 2)]?.toLowerCase() !== 'set-cookie')

describe('the log, at level debug', () => {
  it('never holds a token, a cookie\'s value, a query, a header, a body or session content, whatever goes wrong', async () => {
    let fail: 'no' | 'open' | 'commit' = 'no'
    const memory = memoryStore({ clock: systemClock })
    const store: SessionStore = {
      ...countingStore(memory),
      open: async (key, options) => { if (fail === 'open') throw new UnstickError('store_unavailable', 'The store is away.'); return await memory.open(key, options) },
      commit: async (key, delta) => { if (fail === 'commit') throw new UnstickError('store_unavailable', 'The store is away.'); return await memory.commit(key, delta) },
    }
    const answers: Record<string, string> = {
      '/set': `HTTP/1.1 200 OK\r\nSet-Cookie: sid=${HUSH}1; Path=/\r\nSet-Cookie: PHPSESSID=${HUSH}\r\nContent-Length: 0\r\n\r\n`,
      '/large': `HTTP/1.1 200 OK\r\nSet-Cookie: sid=${HUSH.repeat(600)}\r\nContent-Length: 0\r\n\r\n`,
      '/odd': `HTTP/1.1 200 OK\r\nSet-Cookie: sid=${HUSH}; Domain=other.example\r\nSet-Cookie: sid=${HUSH}; Secure\r\nSet-Cookie: remember_x=${HUSH}\u0007\r\nSet-Cookie: __Host-sid=${HUSH}\r\nContent-Length: 0\r\n\r\n`,
      '/broken': `HTTP/1.1 200 OK\r\nX-Secret: ${HUSH}\u0000\r\n\r\n`,
      '/half': `HTTP/1.1 200 OK\r\nSet-Cookie: sid=${HUSH}2\r\nContent-Length: 100\r\n\r\n${HUSH}`,
      '/': 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok',
    }
    await using app = await rawReplies((socket, head) => {
      const path = /^\w+ ([^ ?]*)/.exec(head)?.[1] ?? ''
      if (path === '/reset') socket.resetAndDestroy()
      else if (path === '/file') { writeFileSync(join(folder, `sess_${HUSH}`), `content=${HUSH}`); socket.write(answers['/'] ?? '') }
      else if (path === '/half' || path === '/broken') socket.end(answers[path] ?? '')
      else if (path !== '/never') socket.write(answers[path] ?? 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n')
    })
    await using sidecar = await runSidecar(app, {
      store, limits: { entryBytes: 2_000, upstreamTimeoutMs: 500 }, adminToken: `${HUSH} of the admin`,
      files: [{ cookie: 'PHPSESSID', id: undefined, path: `${folder}/sess_{id}`, render: (id) => join(folder, `sess_${id}`) }],
    })
    const visitor = new TokenHolder(sidecar.address)
    const own: string[] = []
    const go = async (target: string, headers: readonly string[] = []): Promise<void> => {
      try {
        const response = await visitor.get(`${target}?q=${HUSH}`, [`Authorization: Bearer ${HUSH}`, `X-Secret: ${HUSH}`, `Cookie: a=${HUSH}; sid=${HUSH}; unstick=${HUSH}`, ...headers])
        if (headerValue(response, 'unstick-error') !== undefined) own.push(withoutSetCookie(response.headers).join('\n'), response.body)
      } catch {
        // A cut connection is what some of these are about.
      }
    }
    await go('/set')
    const token = visitor.cookie?.slice('unstick='.length) ?? ''
    expect(token).toHaveLength(6 + 43 + 3 + 22)
    for (const target of ['/', '/file', '/large', '/odd', '/broken', '/half', '/reset', '/never', '/missing']) await go(target)
    await go('/', ['Transfer-Encoding: gzip, chunked'])
    await go('/', [`Host: ${HUSH}`])
    fail = 'open'
    await go('/')
    fail = 'commit'
    await go('/set')
    fail = 'no'
    for (const bytes of [
      `GARBAGE ${HUSH}\r\n\r\n`, `GET /${HUSH}\u0000 HTTP/1.1\r\n\r\n`, `POST /?q=${HUSH} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n${HUSH}`,
      visitor.request(`/?q=${HUSH}`, ['Connection: Upgrade', 'Upgrade: websocket', `Authorization: ${HUSH}`]), visitor.request(`/reset?q=${HUSH}`, ['Connection: Upgrade', 'Upgrade: websocket']),
      `POST /?q=${HUSH} HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\nCookie: unstick=${token}\r\n\r\n${HUSH}`,
    ]) own.push((await ask(sidecar.address, bytes)).body)
    using client = await RawClient.connect(sidecar.address)
    client.send(visitor.request(`/never?q=${HUSH}`)).reset()
    expect((await ask(sidecar.admin, get('/metrics', [`Authorization: Bearer ${HUSH}`]))).status).toBe(401)
    const metrics = (await ask(sidecar.admin, get('/metrics', [`Authorization: Bearer ${HUSH} of the admin`]))).body
    await sidecar.stop()

    const log = sidecar.log()
    expect(log.split('\n').length).toBeGreaterThan(10)
    for (const code of ['bad_request', 'too_large', 'upstream_broke', 'upstream_timeout', 'store_unavailable']) expect(log).toContain(code)
    for (const [what, text] of [['log', log], ['answers', own.join('\n')], ['metrics', metrics]] as const) {
      for (const secret of [HUSH, token, token.slice(6, 49), SECRET]) expect(text.includes(secret), `${secret} in the ${what}`).toBe(false)
    }
  })
})
