/** The same app and the same requests, with mod_session before and a sidecar after: what the app sees, and what its client. */
import { chmod, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Browser } from '../support/browser.ts'
import { freePorts } from '../support/ports.ts'
import { start } from '../support/process.ts'
import { describeWith } from '../support/servers.ts'
import { startSidecar } from '../support/sidecar.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { example, whole } from './examples.ts'
import { httpd, placeHttpd, type Keeper } from './mod-session.ts'

type Step = readonly [method: 'GET' | 'POST', path: string, form?: Readonly<Record<string, string>>]

/** Together more than a cookie holds, and than Apache takes for one header of a request unless it is told to. */
const LARGE: readonly Step[] = ['a', 'b', 'c'].map((letter) => ['POST', '/basket', { item: letter.repeat(5_000) }])

/** Values with everything that has to be escaped, changes, removals, the same again, the end, and a new beginning. */
const STEPS: readonly Step[] = [
  ['GET', '/basket'],
  ['POST', '/login', { user: 'alice' }],
  ['GET', '/basket'],
  ['POST', '/basket', { item: 'tea' }],
  ['POST', '/basket', { item: 'Käse & Brot = 50 % + "x"; \\ ~*-._' }],
  ['POST', '/basket', { item: 'tea' }],
  ['GET', '/basket'],
  ['POST', '/remove', { item: 'tea' }],
  ['POST', '/remove', { item: 'never there' }],
  ['POST', '/login', { user: 'bob' }],
  ['GET', '/basket'],
  ['POST', '/logout', {}],
  ['GET', '/basket'],
  ['POST', '/basket', { item: '€ 5' }],
  ['GET', '/basket'],
]

interface Seen {
  readonly step: string
  readonly status: number
  /** What the client got. */
  readonly user: string | null
  readonly items: readonly string[]
  /** The session as the app got it: names and values. */
  readonly session: Readonly<Record<string, string>>
  /** The names of the answer's headers, but for those of the connection. */
  readonly headers: readonly string[]
}

/** Apache decides by the answer's timing how it says the length. */
const OF_THE_CONNECTION = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'])

async function play(keeper: Keeper, steps: readonly Step[]): Promise<Seen[]> {
  await using folder = await temporaryFolder()
  await chmod(folder.path, 0o755)
  const [port = 0, listenPort = 0, adminPort = 0] = await freePorts(3)
  const place = { port, folder: join(folder.path, 'httpd') }
  await mkdir(place.folder)
  await using stack = new AsyncDisposableStack()
  await placeHttpd(place)
  const app = await start(httpd(keeper, place))
  stack.defer(() => app.stop())
  if (keeper === 'unstick') {
    const sidecar = await startSidecar({
      name: 'sidecar', config: example('mod-session/unstick.yaml'), listenPort, adminPort, appPort: port,
      store: `sqlite:${join(folder.path, 'unstick.db')}`, secret: 'the secret of this test is of 32 characters or more',
    })
    stack.defer(() => sidecar.stop())
  }
  const browser = new Browser(`http://127.0.0.1:${keeper === 'unstick' ? listenPort : port}`)
  const seen: Seen[] = []
  for (const [method, path, form] of steps) {
    const page = method === 'GET' ? await browser.get(path) : await browser.post(path, form ?? {})
    const shown = JSON.parse(whole(page)) as { user: string | null; items: string[]; seen: string }
    seen.push({
      step: `${method} ${path} ${JSON.stringify(form ?? {})}`,
      status: page.status,
      user: shown.user,
      items: shown.items,
      session: Object.fromEntries(new URLSearchParams(shown.seen)),
      headers: [...new Set(page.headers.keys())].filter((name) => !OF_THE_CONNECTION.has(name)),
    })
  }
  expect(browser.cookies().map(({ name }) => name)).toEqual([keeper === 'unstick' ? 'unstick' : 'session'])
  return seen
}

const withoutHeaders = (seen: readonly Seen[]): Seen[] => seen.map((one) => ({ ...one, headers: [] }))

describeWith(['apache'], 'an app for mod_session', () => {
  test.each(['mod-session-cookie', 'mod-session-dbd'] as const)('sees and shows the same with a sidecar as with %s', async (keeper) => {
    const steps = keeper === 'mod-session-dbd' ? [...STEPS, ...LARGE, ...STEPS] : [...STEPS, ...STEPS]
    const before = await play(keeper, steps)
    const after = await play('unstick', steps)
    expect(withoutHeaders(after)).toEqual(withoutHeaders(before))
    // The app is known to have seen something.
    expect(after.filter(({ session }) => Object.keys(session).length > 0).length).toBeGreaterThan(8)
    for (const [i, { step, headers }] of after.entries()) {
      // mod_session marks every answer; the sidecar only those that it has to.
      const others = (names: readonly string[]): string[] => names.filter((name) => name !== 'cache-control' && name !== 'set-cookie')
      expect(others(headers), step).toEqual(others(before[i]?.headers ?? []))
    }
  })
})
