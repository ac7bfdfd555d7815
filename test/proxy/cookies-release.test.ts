/** Cookies that are handed back while other requests of the same session go by. */
import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { memoryStore } from '../../src/store/memory.ts'
import { httpApp } from '../support/origin-app.ts'
import { ask, get, headerValues } from '../support/raw-client.ts'
import { runSidecar } from '../support/running-sidecar.ts'

/** An app whose whole state is the cookie `sid`, behind a sidecar that keeps it and one that hands it back, over one store; and a browser. */
async function rollback() {
  const stack = new AsyncDisposableStack()
  let arrived = (): void => undefined
  let free = (): void => undefined
  const slowArrived = new Promise<void>((resolve) => { arrived = resolve })
  const sets: Record<string, string> = { '/login': 'sid=v1; Path=/', '/set': 'sid=v2; Path=/', '/logout': 'sid=; Path=/; Max-Age=0' }
  const app = stack.use(await httpApp((request, response) => {
    const url = request.url ?? ''
    const heard = request.headers.cookie ?? 'nothing'
    const set = sets[url]
    if (set !== undefined) response.setHeader('Set-Cookie', set)
    if (url !== '/slow') return void response.end(heard)
    free = () => void response.end(heard)
    return arrived()
  }))
  const store = memoryStore({ clock: systemClock })
  const sidecars = { keeps: stack.use(await runSidecar(app, { store })), releases: stack.use(await runSidecar(app, { store, cookies: { release: true } })) }
  const jar = new Map<string, string>()
  const send = async (which: 'keeps' | 'releases', path: string): Promise<string> => {
    const cookies = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await ask(sidecars[which].address, get(path, cookies === '' ? [] : [`Cookie: ${cookies}`]))
    for (const header of headerValues(answer, 'set-cookie')) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(header) ?? []
      if (/max-age=0/i.test(header)) jar.delete(name)
      else jar.set(name, value)
    }
    return answer.body
  }
  /** A request to `/slow` that is with the app when this resolves; what is called then lets its answer out, and waits for it. */
  const slow = async (which: 'keeps' | 'releases'): Promise<() => Promise<string>> => {
    const answer = send(which, '/slow')
    await slowArrived
    return async () => {
      free()
      return answer
    }
  }
  return { send, slow, jar, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

it('a slow answer hands nothing back of a session that was logged out beside it', async () => {
  await using site = await rollback()
  await site.send('keeps', '/login')
  const finish = await site.slow('releases')
  await site.send('releases', '/logout')
  expect(await finish()).toBe('sid=v1')
  expect([...site.jar]).toEqual([])
  expect(await site.send('releases', '/')).toBe('nothing')
})

it('a slow answer hands nothing back that was handed back before and logged out beside it', async () => {
  await using site = await rollback()
  await site.send('keeps', '/login')
  // Its answer is handed the cookie, and is lost on its way: the next one has no need to write anything down.
  await site.send('releases', '/')
  site.jar.delete('sid')
  const finish = await site.slow('releases')
  await site.send('releases', '/logout')
  await finish()
  expect(await site.send('releases', '/')).toBe('nothing')
})

it('a slow answer puts no older value in the place of what was written beside it, in the browser or in the store', async () => {
  await using site = await rollback()
  await site.send('keeps', '/login')
  const finish = await site.slow('releases')
  await site.send('releases', '/set')
  expect(await finish()).toBe('sid=v1')
  expect(site.jar.get('sid')).toBe('v2')
  expect(await site.send('keeps', '/')).toBe('sid=v2')
  expect(await site.send('releases', '/')).toBe('sid=v2')
})

it('what a slow answer could not hand back, the next one does', async () => {
  await using site = await rollback()
  await site.send('keeps', '/login')
  const finish = await site.slow('releases')
  await site.send('keeps', '/set')
  await finish()
  expect(site.jar.get('sid')).toBeUndefined()
  expect(await site.send('releases', '/')).toBe('sid=v2')
  expect(site.jar.get('sid')).toBe('v2')
})
