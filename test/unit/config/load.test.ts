import { describe, expect, it } from 'vitest'
import { keygen } from '../../../src/config/check.ts'
import { examineConfig, loadConfig } from '../../../src/config/load.ts'
import { ConfigError, formatProblem } from '../../../src/config/problem.ts'
import { UnstickError } from '../../../src/errors.ts'
import { configOf, linesOf, readFrom, SECRET } from './lines.ts'

/** The example of the contract, but for the carriers that are not in this version. */
const CONTRACT = `listen: 0.0.0.0:8080                # or unix:/run/unstick.sock
upstream: http://127.0.0.1:3000     # the app beside this sidecar; or unix:/run/app.sock
store: sqlite:./unstick.db          # default. memory: · sqlite:PATH · redis:// rediss:// ·
                                    # redis+sentinel://h:p,h:p/0?name=mymaster · redis+cluster://h:p,h:p · hazelcast://h:p/cluster
secret: [\${UNSTICK_SECRET}]         # newest first: the first seals, all open. Needed for any store that is not local
app: php                            # a preset that fills \`carriers\`; explicit keys win

session:
  cookie: { name: unstick, path: /, domain: , sameSite: lax, secure: auto }   # httpOnly always
  idleTimeout: 30m
  lifetime: 24h
  touchInterval: 1m

carriers:
  cookies: { names: [session, "remember_*"], adopt: false }  # app cookies that live in the store instead of the client
  files:                                                     # app keeps session files on a volume shared with the sidecar
    - { cookie: PHPSESSID, path: "/var/lib/php/sessions/sess_{id}" }

routes:                             # first match wins; what matches none gets the defaults
  - { match: "GET /static/**", session: off }      # never opens a session
  - { match: "/api/poll/**", touch: false }        # reads it without keeping it alive
  - { match: "POST /cart/**", lock: exclusive, lockWait: 30s }   # exclusive | off

limits: { header: 32KB, entry: 1MB, session: 4MB, upstreamConnections: 256, upstreamTimeout: 60s, drain: 10s }
trustedProxies: [127.0.0.0/8, 10.0.0.0/8]   # whose X-Forwarded-* are believed
admin: { listen: 127.0.0.1:9090, token: \${UNSTICK_ADMIN_TOKEN} }   # /livez /readyz /metrics; never on the public port
`

const NOTHING = readFrom({})
const DEFAULT_PROXIES = ['127.0.0.0/8', '::1/128', '10.0.0.0/8']

const values = (config: unknown): unknown => JSON.parse(JSON.stringify(config))

const CONTRACT_VALUES = {
  listen: { host: '0.0.0.0', port: 8080 },
  upstream: { host: '127.0.0.1', port: 3000 },
  store: { kind: 'sqlite', path: './unstick.db' },
  session: { cookie: { name: 'unstick', path: '/', sameSite: 'lax', secure: 'auto' }, idleTimeoutMs: 1_800_000, lifetimeMs: 86_400_000, touchIntervalMs: 60_000 },
  limits: { headerBytes: 32_768, entryBytes: 1_048_576, sessionBytes: 4_194_304, upstreamConnections: 256, upstreamTimeoutMs: 60_000, drainMs: 10_000 },
}

describe('the example of the contract', () => {
  const config = configOf(CONTRACT, { env: { UNSTICK_SECRET: SECRET, UNSTICK_ADMIN_TOKEN: 'admin' } })

  it('loads, and every value comes out as written', () => {
    expect(values(config)).toEqual({
      ...CONTRACT_VALUES,
      secrets: [SECRET],
      carriers: { cookies: { names: ['session', 'remember_*'], adopt: false, release: false }, files: [{ cookie: 'PHPSESSID', path: '/var/lib/php/sessions/sess_{id}' }] },
      routes: [{ match: 'GET /static/**', session: 'off' }, { match: '/api/poll/**', touch: false }, { match: 'POST /cart/**', lock: 'exclusive', lockWaitMs: 30_000 }],
      trustedProxies: ['127.0.0.0/8', '10.0.0.0/8'],
      admin: { listen: { host: '127.0.0.1', port: 9090 }, token: 'admin' },
    })
    expect(config.carriers.files[0]?.id).toBeUndefined()
    expect(config.carriers.files[0]?.render('abc')).toBe('/var/lib/php/sessions/sess_abc')
  })

  it('names its variables when they are not set', () => {
    expect(linesOf(CONTRACT)).toEqual([
      'unstick.yaml:5:10 secret[0]: needs the environment variable UNSTICK_SECRET, which is not set (set it: `unstick keygen` makes one)',
      'unstick.yaml:26:41 admin.token: needs the environment variable UNSTICK_ADMIN_TOKEN, which is not set (set it: `unstick keygen` makes one)',
    ])
  })

  it('has the carrier that is not in this version refused, and nothing else', () => {
    const all = CONTRACT.replace('\nroutes:', '  headers: { send: X-Session, receive: X-Session }   # X-Session-* in and out\n  memory: …\n\nroutes:')
    expect(linesOf(all, { env: { UNSTICK_SECRET: SECRET, UNSTICK_ADMIN_TOKEN: 'admin' } })).toEqual([
      'unstick.yaml:19:11 carriers.memory: is not in this version yet',
    ])
  })
})

it.each(['store: memory:', 'store: memory:   # none', 'store: "memory:"', "store: 'memory:'\r"])('takes the memory store as it is documented: %j', (line) => {
  expect(configOf(`app: php\n${line}\nlisten: :1`).store).toEqual({ kind: 'memory' })
})

it('has a default for every key', () => {
  expect(values(configOf('carriers: {}'))).toEqual({
    ...CONTRACT_VALUES,
    secrets: [],
    carriers: { cookies: { names: [], adopt: false, release: false }, files: [] },
    routes: [],
    trustedProxies: DEFAULT_PROXIES,
    admin: { listen: { host: '127.0.0.1', port: 9090 } },
  })
})

describe('expansion', () => {
  it('takes secrets as they are, whatever they mean to YAML', () => {
    const odd = `'"]}, [{: # &a *b !c | > % @ \` \${X} $\n- y`
    const config = configOf('app: php\nadmin: { token: ${T}, listen: "127.0.0.1:${P}" }', { env: { T: odd, P: '1234' } })
    expect(config.admin).toEqual({ listen: { host: '127.0.0.1', port: 1234 }, token: odd })
  })

  it('keeps digits as they are written', () => {
    expect(configOf('app: php\nadmin: { token: 00123456789012345678901234567890.10 }').admin.token).toBe('00123456789012345678901234567890.10')
  })

  it('fills in numbers and booleans', () => {
    const config = configOf('app: php\nlimits: { upstreamConnections: ${N} }\ncarriers: { cookies: { adopt: ${B:-true} } }', { env: { N: '7' } })
    expect([config.limits.upstreamConnections, config.carriers.cookies.adopt]).toEqual([7, true])
  })

  it('takes the default where a variable is unset or empty', () => {
    const yaml = 'app: php\nadmin: { token: "${T:-a:-b, c}" }'
    expect(configOf(yaml).admin.token).toBe('a:-b, c')
    expect(configOf(yaml, { env: { T: '' } }).admin.token).toBe('a:-b, c')
    expect(configOf(yaml, { env: { T: 'x' } }).admin.token).toBe('x')
  })

  it('leaves an unquoted value that came out empty at its default', () => {
    expect(configOf('app: php\nsession: { cookie: { domain: ${DOMAIN:-} } }').session.cookie.domain).toBeUndefined()
  })

  it('reads files, without their last newline', () => {
    expect(configOf('app: php\nsecret: ${file:/run/secrets/unstick}', { files: { '/run/secrets/unstick': `${SECRET}\n` } }).secrets).toEqual([SECRET])
  })

  it('can be escaped, and does not expand what it put in', () => {
    expect(configOf('app: php\nadmin: { token: $${T} }').admin.token).toBe('${T}')
    expect(configOf('app: php\nadmin: { token: ${T} }', { env: { T: '${U}', U: 'no' } }).admin.token).toBe('${U}')
  })

  it('knows no variable that is only a property of every object', () => {
    expect(linesOf('app: php\nadmin: { token: ${constructor} }')).toHaveLength(1)
  })
})

describe('secrets', () => {
  it('come from UNSTICK_SECRET where the file has none, newest first', () => {
    expect(configOf('app: php', { env: { UNSTICK_SECRET: `${SECRET}-new, ${SECRET}-old` } }).secrets).toEqual([`${SECRET}-new`, `${SECRET}-old`])
  })

  it('may be several in the variable that a file names, too', () => {
    expect(configOf('app: php\nsecret: [${UNSTICK_SECRET}]', { env: { UNSTICK_SECRET: `${SECRET}-new,${SECRET}-old` } }).secrets).toEqual([`${SECRET}-new`, `${SECRET}-old`])
  })

  it('of the file win over UNSTICK_SECRET', () => {
    expect(configOf(`app: php\nsecret: ${SECRET}-file`, { env: { UNSTICK_SECRET: SECRET } }).secrets).toEqual([`${SECRET}-file`])
  })

  it('that are bad in the environment are named by their variable', () => {
    expect(linesOf('app: php', { env: { UNSTICK_SECRET: 'hunter2' } })).toEqual(['UNSTICK_SECRET: the value is too short to be safe (allowed 32 characters or more: unstick keygen makes one)'])
  })

  it('made by keygen are long enough and never the same', () => {
    expect(keygen().secret).toMatch(/^[A-Za-z0-9_-]{43}$/)
    expect(keygen().secret).not.toBe(keygen().secret)
    expect(configOf('app: php\nstore: redis://h', { env: { UNSTICK_SECRET: keygen().secret } }).secrets).toHaveLength(1)
  })

  it('leave the admin token to UNSTICK_ADMIN_TOKEN where the file has none', () => {
    expect(configOf('app: php', { env: { UNSTICK_ADMIN_TOKEN: 't' } }).admin.token).toBe('t')
    expect(configOf('app: php\nadmin: { token: file }', { env: { UNSTICK_ADMIN_TOKEN: 't' } }).admin.token).toBe('file')
  })
})

describe('flags', () => {
  const overrides = { listen: ':1', upstream: 'unix:/run/app.sock', store: 'memory:', app: 'flask' }

  it('are enough without a file', () => {
    const { config, file } = loadConfig({ overrides: { app: 'php', upstream: 'http://127.0.0.1:8081', store: 'redis://127.0.0.1:6379' }, env: { UNSTICK_SECRET: SECRET }, readFile: NOTHING })
    expect(file).toBeUndefined()
    expect(config.upstream).toEqual({ host: '127.0.0.1', port: 8081 })
    expect(config.carriers.files.map(({ path }) => path)).toEqual(['/var/lib/php/sessions/sess_{id}'])
  })

  it('replace the keys of the file, and the problems that those had', () => {
    const config = configOf('app: nonsense\nupstream: ${MISSING}\nstore: bad\nlisten: [1]\nsession: { lifetime: 2h }', { overrides })
    expect([config.listen, config.upstream, config.store, config.carriers.cookies.names]).toEqual([{ host: '0.0.0.0', port: 1 }, { unix: '/run/app.sock' }, { kind: 'memory' }, ['session']])
    expect(config.session.lifetimeMs).toBe(7_200_000)
  })

  it('name themselves in problems', () => {
    expect(linesOf('app: php', { overrides: { listen: 'x', upstream: 'y', store: 'redis://:hunter2@h,h', app: 'pyp' } })).toEqual([
      '--listen: "x" is not an address to listen on (allowed host:port :port [ipv6]:port unix:/path)',
      '--upstream: "y" is not the address of an app (allowed http://host:port https://host:port unix:/path)',
      '--store: the value names several hosts: say what they are (allowed redis+sentinel:// redis+cluster://)',
      '--app: "pyp" is not one of the known words (allowed php express-cookie express-file flask flask-session django django-file rails tomcat-file laravel-cookie, did you mean php)',
    ])
  })

  it('name themselves in conflicts', () => {
    expect(linesOf('app: php\nadmin: { token: short }', { overrides: { admin: 'y' } }).some((line) => line.startsWith('--admin: "y" is not an address'))).toBe(true)
    expect(linesOf('app: php', { overrides: { store: 'redis://h', upstream: 'http://127.0.0.1:8080' } }).map((line) => line.split(': ')[0])).toEqual(['--store', '--upstream'])
  })
})

describe('the file', () => {
  const yaml = 'app: flask\n'

  it('is the one that is named', () => {
    expect(loadConfig({ file: '/a/b.yaml', env: {}, readFile: readFrom({ '/a/b.yaml': yaml, './unstick.yaml': 'app: no' }) }).file).toBe('/a/b.yaml')
  })

  it('is looked for in the current folder, then in /etc', () => {
    const both = { './unstick.yaml': yaml, '/etc/unstick/unstick.yaml': yaml }
    expect(loadConfig({ env: {}, readFile: readFrom(both) }).file).toBe('unstick.yaml')
    expect(loadConfig({ env: {}, readFile: readFrom({ '/etc/unstick/unstick.yaml': yaml }) }).file).toBe('/etc/unstick/unstick.yaml')
  })

  it('has to be there when it is named', () => {
    expect(() => loadConfig({ file: 'x.yaml', overrides: { app: 'php', upstream: 'http://h' }, env: {}, readFile: NOTHING })).toThrow('x.yaml: cannot be read (no such file)')
  })

  it('is not passed over when it cannot be read', () => {
    const readFile = (): string => { throw Object.assign(new Error('no'), { code: 'EACCES' }) }
    expect(() => loadConfig({ env: {}, readFile })).toThrow('unstick.yaml: cannot be read (permission denied)')
  })

  it('is missed by name when flags are not enough', () => {
    expect(examineConfig({ env: {}, readFile: NOTHING }).problems.map(formatProblem)).toEqual([
      '--upstream: is missing, and neither ./unstick.yaml nor /etc/unstick/unstick.yaml exists: say where the app is, or name a file with -c',
      '--app: is missing, and neither ./unstick.yaml nor /etc/unstick/unstick.yaml exists: name a preset, or name a file with -c',
    ])
  })
})

it('throws one error with all problems', () => {
  const load = () => loadConfig({ file: 'f', env: {}, readFile: readFrom({ f: 'app: x\nlisten: y' }) })
  expect(load).toThrow(ConfigError)
  try {
    load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error).toBeInstanceOf(UnstickError)
    expect([error.code, error.problems.length, error.message.split('\n').length]).toEqual(['config_invalid', 2, 2])
  }
})

it('follows aliases, and ends those that multiply or contain themselves', () => {
  expect(configOf('carriers: { cookies: { names: [&n abc, *n] } }').carriers.cookies.names).toEqual(['abc', 'abc'])
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', ...'bcdefghi'.split('').map((name, i) => `${name}: &${name} [${Array.from({ length: 9 }, () => `*${'abcdefgh'[i] ?? ''}`).join(', ')}]`)].join('\n')
  expect(linesOf(bomb).some((line) => line.includes('is nested too deeply or repeated too often'))).toBe(true)
  expect(linesOf('app: &a [*a]').length).toBeGreaterThan(0)
})
