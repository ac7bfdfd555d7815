/** An API that hands out bearer tokens, behind a sidecar on each of two replicas: the browser never has the token. All of it real processes. */
import { describe, expect, it } from 'vitest'
import { keygen } from '../../src/config/check.ts'
import { freePorts } from '../support/ports.ts'
import { type Running, start } from '../support/process.ts'
import { ask, get, headerValue, type RawResponse } from '../support/raw-client.ts'
import { startSidecar } from '../support/sidecar.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { TokenHolder } from '../support/visitor.ts'
import { answers, example } from './examples.ts'

const SECRET = keygen().secret

async function replicas(stack: AsyncDisposableStack): Promise<{ addresses: { host: string; port: number }[]; apps: Running[] }> {
  const folder = await temporaryFolder()
  stack.use(folder)
  const addresses: { host: string; port: number }[] = []
  const apps: Running[] = []
  for (const name of ['one', 'two']) {
    const [appPort = 0, listenPort = 0, adminPort = 0] = await freePorts(3)
    const app = await start({
      name: `app ${name}`, command: process.execPath, args: [example('bearer-api/app.js')],
      env: { PORT: String(appPort), SECRET_KEY: 'the same on both replicas' }, ready: () => answers(appPort, '/health'),
    })
    stack.defer(() => app.stop())
    apps.push(app)
    const sidecar = await startSidecar({
      name: `sidecar ${name}`, config: example('bearer-api/unstick.yaml'), listenPort, adminPort, appPort, store: `sqlite:${folder.path}/unstick.db`, secret: SECRET,
    })
    stack.defer(() => sidecar.stop())
    addresses.push({ host: '127.0.0.1', port: listenPort })
  }
  return { addresses, apps }
}

const post = (target: string, body: string, cookie?: string): string =>
  `${get(target, ['Content-Type: application/json', 'Accept-Encoding: gzip, br', `Content-Length: ${body.length}`, ...(cookie === undefined ? [] : [`Cookie: ${cookie}`])], 'POST')}${body}`

describe('an API that hands out bearer tokens', () => {
  it('is an app with a cookie session for the browser, on any replica', async () => {
    await using stack = new AsyncDisposableStack()
    const { addresses: [one = { host: '', port: 0 }, two = one], apps } = await replicas(stack)
    const seen: RawResponse[] = []
    const visitor = new TokenHolder(one)
    const keep = (response: RawResponse): RawResponse => {
      seen.push(response)
      return visitor.keep(response)
    }

    const refused = keep(await ask(one, post('/api/login', '{"username":"alice","password":"alice"}')))
    expect([refused.status, visitor.cookie]).toEqual([401, undefined])
    const login = keep(await ask(one, post('/api/login', '{"username":"alice","password":"ecila"}')))
    expect([login.status, login.body, headerValue(login, 'content-length')]).toEqual([200, '{"token_type":"Bearer","user":{"name":"alice"}}', '47'])

    for (const address of [two, one, two, one]) {
      const me = keep(await ask(address, visitor.request('/api/me')))
      expect([me.status, JSON.parse(me.body)]).toEqual([200, expect.objectContaining({ user: 'alice' })])
    }
    await apps[0]?.kill()
    expect(keep(await ask(two, visitor.request('/api/me'))).status).toBe(200)

    // What the client holds is no bearer token, and one of its own is not passed on.
    expect((await ask(two, get('/api/me', [`Authorization: Bearer ${visitor.cookie}`]))).status).toBe(401)
    const token = visitor.cookie
    keep(await ask(two, post('/api/logout', '{}', token)))
    expect(visitor.cookie).toBeUndefined()
    expect((await new TokenHolder(two, token).get('/api/me')).status).toBe(401)

    const whole = seen.map(({ headers, body }) => headers.join('\n') + body).join('\n')
    // The beginning of what the app signs.
    expect(whole).not.toMatch(new RegExp(`access_token|${Buffer.from('{"user":').toString('base64url').slice(0, 11)}`))
  })
})
