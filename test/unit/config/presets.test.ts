import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { globMatches } from '../../../src/glob.ts'
import { PRESET_NAMES } from '../../../src/config/presets.ts'
import { configOf, linesOf } from './lines.ts'

/** The id that a rule takes out of a cookie's value, as FilesRule says. */
function idIn(pattern: RegExp | undefined, value: string): string | undefined {
  const match = pattern?.exec(value)
  return match?.[1] ?? match?.[0]
}

interface Expected {
  readonly names?: readonly string[]
  readonly vaults?: readonly string[]
  readonly leaves?: readonly string[]
  readonly file?: { readonly cookie: string; readonly path: string }
  /** A cookie's value as the framework makes it, its id, and the file that the framework keeps for it. */
  readonly ids?: readonly (readonly [value: string, id: string, file: string])[]
  readonly refuses?: readonly string[]
}

const md5 = (text: string): string => createHash('md5').update(text).digest('hex')
const NODE_ID = 'Zk3_Lw-9x0aBcDeFgHiJkLmNoPqRsTuV'
const SIGNATURE = 'gCJXP5h7+8ZUCFwN/oOoJGPz8Qk9cEgxBPJkzxfNBZw'
const FLASK_ID = '7h3DkLbZf0t8cQy1mJpR5wXvN2sGqUaE4iTjHkBzLxo'
const HEX = '4F0C1B2A3D4E5F60718293A4B5C6D7E8'
const TOMCAT = '/usr/local/tomcat/work/Catalina/localhost/ROOT'

const EXPECTED: Record<string, Expected> = {
  php: {
    file: { cookie: 'PHPSESSID', path: '/var/lib/php/sessions/sess_{id}' },
    ids: [['q2kq6ku1n7f3e5l8o2b1v0d9s4', 'q2kq6ku1n7f3e5l8o2b1v0d9s4', '/var/lib/php/sessions/sess_q2kq6ku1n7f3e5l8o2b1v0d9s4'], ['aZ9,-'.repeat(5), 'aZ9,-'.repeat(5), `/var/lib/php/sessions/sess_${'aZ9,-'.repeat(5)}`]],
    refuses: ['', 'short', '../../../../etc/passwd-and-more', `${'a'.repeat(26)}/x`, `${'a'.repeat(26)}\n`, 'a'.repeat(257)],
  },
  'express-cookie': { names: ['session', 'session.sig'] },
  'express-file': {
    file: { cookie: 'connect.sid', path: '/app/sessions/{id}.json' },
    ids: [
      [encodeURIComponent(`s:${NODE_ID}.${SIGNATURE}`), NODE_ID, `/app/sessions/${NODE_ID}.json`],
      [`s:${NODE_ID}.${SIGNATURE}`, NODE_ID, `/app/sessions/${NODE_ID}.json`],
    ],
    refuses: [NODE_ID, `s:${NODE_ID}`, `s:../${NODE_ID.slice(3)}.${SIGNATURE}`, `s:${NODE_ID}.${SIGNATURE}x`, `j:${NODE_ID}.${SIGNATURE}`],
  },
  flask: { names: ['session'] },
  'flask-session': {
    file: { cookie: 'session', path: "/app/flask_session/{md5('session:' + id)}" },
    ids: [
      [FLASK_ID, FLASK_ID, `/app/flask_session/${md5(`session:${FLASK_ID}`)}`],
      ['5b6f3c1e-7f0a-4a55-9c55-0d1c4a1a9b52', '5b6f3c1e-7f0a-4a55-9c55-0d1c4a1a9b52', `/app/flask_session/${md5('session:5b6f3c1e-7f0a-4a55-9c55-0d1c4a1a9b52')}`],
      [`${FLASK_ID}.J8yQ0Vh1kq3dU9xO3o0mS2rXr5E`, FLASK_ID, `/app/flask_session/${md5(`session:${FLASK_ID}`)}`],
    ],
    refuses: ['', 'eyJ1c2VyIjoxfQ.Zx.abc', `../${FLASK_ID}`],
  },
  django: { names: ['sessionid'], leaves: ['csrftoken', 'messages'] },
  'django-file': {
    file: { cookie: 'sessionid', path: '/tmp/sessionid{id}' },
    ids: [['0123456789abcdefghijklmnopqrstuv', '0123456789abcdefghijklmnopqrstuv', '/tmp/sessionid0123456789abcdefghijklmnopqrstuv']],
    refuses: ['0123456789ABCDEFGHIJKLMNOPQRSTUV', 'short', '/../etc/0123456789abcdefghijklmnop'],
  },
  rails: { names: ['_*_session'], vaults: ['_store_session', '_my_app_session'], leaves: ['session', 'XSRF-TOKEN'] },
  'tomcat-file': {
    file: { cookie: 'JSESSIONID', path: `${TOMCAT}/{id}.session` },
    ids: [[HEX, HEX, `${TOMCAT}/${HEX}.session`], [`${HEX}.node1`, `${HEX}.node1`, `${TOMCAT}/${HEX}.node1.session`]],
    refuses: [HEX.toLowerCase(), `${HEX}.`, `${HEX}.a/b`, `${HEX}/../x`],
  },
  'laravel-cookie': {
    names: ['*_session', '*-session', '?'.repeat(40), 'remember_web_*'],
    vaults: ['laravel_session', 'my-shop-session', 'aB3'.repeat(13) + 'x', `remember_web_${'0'.repeat(40)}`],
    leaves: ['XSRF-TOKEN', 'locale', 'a'.repeat(39), 'a'.repeat(41)],
  },
}

it('has an expectation for every preset', () => {
  expect(Object.keys(EXPECTED)).toEqual(PRESET_NAMES)
})

describe.each(Object.entries(EXPECTED))('app: %s', (app, { names = [], vaults = [], leaves = [], file, ids = [], refuses = [] }) => {
  const { cookies, files } = configOf(`app: ${app}`).carriers
  const [rule] = files

  it('fills the carriers', () => {
    expect(cookies).toEqual({ names, adopt: false, release: false })
    expect(files.map(({ cookie, path }) => ({ cookie, path }))).toEqual(file === undefined ? [] : [file])
  })

  it('vaults the cookies of the framework, and not those that scripts read', () => {
    for (const name of vaults) expect([name, names.some((pattern) => globMatches(pattern, name))]).toEqual([name, true])
    for (const name of leaves) expect([name, names.some((pattern) => globMatches(pattern, name))]).toEqual([name, false])
  })

  it('finds the file of an id, and takes no other value for one', () => {
    for (const [value, id, path] of ids) expect([idIn(rule?.id, value), rule?.render(id)]).toEqual([id, path])
    for (const value of refuses) expect([value, idIn(rule?.id, value)]).toEqual([value, undefined])
  })
})

describe('explicit keys', () => {
  it('replace those of the preset, one by one', () => {
    const files = '{ files: [{ cookie: connect.sid, path: "/srv/shop/sessions/{id}.json" }] }'
    expect(configOf(`app: express-file\ncarriers: ${files}`).carriers.files.map(({ path, id }) => [path, id])).toEqual([['/srv/shop/sessions/{id}.json', undefined]])
    expect(configOf('app: laravel-cookie\ncarriers: { cookies: { names: [shop_session] } }').carriers.cookies.names).toEqual(['shop_session'])
  })

  it('leave the rest of the preset alone', () => {
    const { cookies, files } = configOf('app: php\ncarriers: { cookies: { names: [cart], adopt: true } }').carriers
    expect([cookies, files.map(({ cookie }) => cookie)]).toEqual([{ names: ['cart'], adopt: true, release: false }, ['PHPSESSID']])
    expect(configOf('app: flask\ncarriers: { cookies: { adopt: true } }').carriers.cookies).toEqual({ names: ['session'], adopt: true, release: false })
    expect(configOf('app: flask\ncarriers:\n').carriers.cookies.names).toEqual(['session'])
  })

  it('are pointed at when they are wrong, preset or not', () => {
    expect(linesOf('app: php\ncarriers: { files: x }')).toEqual(['unstick.yaml:2:20 carriers.files: is text, and has to be a list'])
  })
})

it('blames a clash with a name of the preset on the key that made it', () => {
  expect(linesOf('app: flask\nsession: { cookie: { name: session } }')).toEqual([
    'unstick.yaml:2:28 session.cookie.name: the vaulted name "session" stands for the token cookie of unstick too: give session.cookie.name another name',
  ])
})
