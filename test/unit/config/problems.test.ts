import { describe, expect, it } from 'vitest'
import { PRESET_NAMES } from '../../../src/config/presets.ts'
import { linesOf, SECRET, type World } from './lines.ts'

const TOP = 'listen upstream store secret app session carriers routes limits trustedProxies admin'
const STORES = 'memory: sqlite:PATH redis://host:port/db rediss://… redis+sentinel://h:p,h:p/db?name=… redis+cluster://h:p,h:p'
const ADDRESS = 'host:port :port [ipv6]:port unix:/path'
const UPSTREAM = 'http://host:port https://host:port unix:/path'
const DURATION = 'such as 250ms 30s 5m 24h'
const EXPRESSIONS = "{id} {md5('prefix' + id)} {sha1('prefix' + id)}"

/** Each row: the file, below `app: php` on line 1, and the one line that check prints. */
const ROWS: readonly (readonly [string, string, World?])[] = [
  ['upstrem: http://h:1', `2:1 upstrem: is not a key that unstick knows (allowed ${TOP}, did you mean upstream)`],
  ['idleTimeout: 5m', `2:1 idleTimeout: is not a key that unstick knows (allowed ${TOP}, did you mean session.idleTimeout)`],
  ['session: { idletimeout: 5m }', '2:12 session.idletimeout: is not a key that unstick knows (allowed cookie idleTimeout lifetime touchInterval, did you mean idleTimeout)'],
  ['routes: [{ match: /x, lok: off }]', '2:23 routes[0].lok: is not a key that unstick knows (allowed match session touch lock lockWait, did you mean lock)'],
  ['carriers: { cookies: { name: [a] } }', '2:24 carriers.cookies.name: is not a key that unstick knows (allowed names adopt release, did you mean names)'],
  ['session: { name: a }', '2:12 session.name: is not a key that unstick knows (allowed cookie idleTimeout lifetime touchInterval, did you mean session.cookie.name)'],
  ['__proto__: 1', `2:1 __proto__: is not a key that unstick knows (allowed ${TOP}, did you mean store)`],
  ['store: memory:\nstore: memory:', '3:1 store: is there twice, and only one can count'],
  ['routes: /x', '2:9 routes: is text, and has to be a list'],
  ['session: [a]', '2:10 session: is a list, and has to be a map'],
  ['listen: { port: 1 }', '2:9 listen: is a map, and has to be text'],
  ['secret: { a: b }', '2:9 secret: is a map, and has to be text or a list of texts'],
  ['listen: 8080', `2:9 listen: "8080" is not an address to listen on (allowed ${ADDRESS}, did you mean :8080)`],
  ['listen: http://0.0.0.0:80/', `2:9 listen: "http://0.0.0.0:80/" is a URL, not an address to listen on (allowed ${ADDRESS}, did you mean 0.0.0.0:80)`],
  ['listen: 10.0.0.256:80', `2:9 listen: "10.0.0.256:80" is not an address to listen on (allowed ${ADDRESS})`],
  ['listen: h:65536', `2:9 listen: "h:65536" is not an address to listen on (allowed ${ADDRESS})`],
  ['listen: unix:run/x.sock', `2:9 listen: "unix:run/x.sock" has no absolute path after unix: (allowed ${ADDRESS})`],
  [`listen: unix:/${'x'.repeat(60)}${'y'.repeat(47)}`, `2:9 listen: "unix:/${'x'.repeat(60)}${'y'.repeat(11)}…" is longer than the 107 bytes that a socket path may have`],
  ['upstream: 127.0.0.1:3000', `2:11 upstream: "127.0.0.1:3000" is not the address of an app (allowed ${UPSTREAM}, did you mean http://127.0.0.1:3000)`],
  ['upstream: http://h:1/app', `2:11 upstream: "http://h:1/app" has a path: requests go to the app under the path that the client asked for (allowed ${UPSTREAM}, did you mean http://h:1)`],
  ['upstream: http://bob:hunter2@h:1', `2:11 upstream: the value has a user name in it: the app gets the credentials that the client sends (allowed ${UPSTREAM})`],
  ['store: memory', `2:8 store: the value names no store that unstick knows (allowed ${STORES}, did you mean memory:)`],
  ['store: "redsi://:hunter2@h"', `2:8 store: the value names no store that unstick knows (allowed ${STORES}, did you mean redis:)`],
  ['store: hazelcast://h:1/cluster', `2:8 store: names a store that is not in this version yet (allowed ${STORES})`],
  ['store: "sqlite:"', '2:8 store: the value names no file (allowed sqlite:PATH)'],
  [`secret: ${SECRET}\nstore: "redis://:a/b@h"`, `3:8 store: the value is not an address of Redis: in a password, write / as %2F, ? as %3F and # as %23 (allowed ${STORES})`],
  ['store: redis://h/x', `2:8 store: the value has a database that is not a number (allowed ${STORES})`],
  ['store: redis://127.0.0.1', '2:8 store: this store is shared, so all sidecars need one secret, and there is none: set UNSTICK_SECRET, or the key secret, to what `unstick keygen` prints'],
  ['store: redis://h\nsecret: []', '3:9 secret: this store is shared, so all sidecars need one secret, and there is none: set UNSTICK_SECRET, or the key secret, to what `unstick keygen` prints'],
  ['secret: hunter2', '2:9 secret: the value is too short to be safe (allowed 32 characters or more: unstick keygen makes one)'],
  [`secret: [${SECRET}, hunter2]`, `2:${12 + SECRET.length} secret[1]: the value is too short to be safe (allowed 32 characters or more: unstick keygen makes one)`],
  ['store: redis://h\nsecret: hunter2', '3:9 secret: the value is too short to be safe (allowed 32 characters or more: unstick keygen makes one)'],
  ['session: { lifetime: 1d }', `2:22 session.lifetime: "1d" is not a duration (allowed ${DURATION}, did you mean 24h)`],
  ['session: { idleTimeout: 30 }', `2:25 session.idleTimeout: "30" is not a duration (allowed ${DURATION}, did you mean 30s)`],
  ['session: { idleTimeout: 0s }', '2:25 session.idleTimeout: "0s" is too little (allowed 1ms or more)'],
  ['limits: { drain: 25h }', '2:18 limits.drain: "25h" is too much (allowed at most 24h)'],
  ['limits: { header: 32kb }', '2:19 limits.header: "32kb" is not a size (allowed such as 512B 64KB 8MB 1GB, did you mean 32KB)'],
  ['limits: { upstreamConnections: many }', '2:32 limits.upstreamConnections: "many" is not a whole number'],
  ['limits: { upstreamConnections: 0 }', '2:32 limits.upstreamConnections: "0" is too little (allowed 1 or more)'],
  ['limits: { entry: 5MB }', '2:18 limits.entry: limits.entry is more than limits.session, so it could never be reached'],
  ['session: { idleTimeout: 25h }', '2:25 session.idleTimeout: session.idleTimeout is longer than session.lifetime, so it could never be reached'],
  ['session: { touchInterval: 30m }', '2:27 session.touchInterval: session.touchInterval is not shorter than session.idleTimeout, so sessions in use would end'],
  ['trustedProxies: [10.0.0.1]', '2:18 trustedProxies[0]: "10.0.0.1" has no prefix length (allowed such as 10.0.0.0/8 fd00::/8, did you mean 10.0.0.1/32)'],
  ['trustedProxies: [10.0.0.0/33]', '2:18 trustedProxies[0]: "10.0.0.0/33" has a prefix length that its kind of address does not have (allowed such as 10.0.0.0/8 fd00::/8)'],
  ['trustedProxies: [lan]', '2:18 trustedProxies[0]: "lan" is not a range of addresses (allowed such as 10.0.0.0/8 fd00::/8)'],
  ['carriers: { headers: … }', '2:22 carriers.headers: is text, and has to be a map'],
  ['carriers: { memory: { a: b } }', '2:21 carriers.memory: is not in this version yet'],
  ['carriers: { cookies: { names: session } }', '2:31 carriers.cookies.names: is text, and has to be a list'],
  ['carriers: { cookies: { names: ["*"] } }', '2:32 carriers.cookies.names[0]: "*" would take every cookie of the app, those that scripts need included'],
  ['carriers: { cookies: { names: [a b] } }', "2:32 carriers.cookies.names[0]: \"a b\" is not the name of a cookie (allowed letters, digits and !#$%&'+-.^_`|~, * for any characters, ? for one)"],
  ['carriers: { cookies: { adopt: ja } }', '2:31 carriers.cookies.adopt: "ja" is neither true nor false (allowed true false)'],
  ['carriers: { cookies: { names: [unstick] } }', '2:32 carriers.cookies.names[0]: the vaulted name "unstick" stands for the token cookie of unstick too: give session.cookie.name another name'],
  ['carriers: { cookies: { names: ["__Host-*"] } }', '2:32 carriers.cookies.names[0]: the vaulted name "__Host-*" stands for the token cookie of unstick too: give session.cookie.name another name'],
  ['session: { cookie: { name: PHPSESSID } }', '2:28 session.cookie.name: the vaulted name "PHPSESSID" stands for the token cookie of unstick too: give session.cookie.name another name'],
  ['carriers: { files: [{ path: "/x/{id}" }] }', '2:21 carriers.files[0].cookie: is missing'],
  ['carriers: { files: [{ cookie: "A*", path: "/x/{id}" }] }', '2:31 carriers.files[0].cookie: "A*" is a pattern, and has to be the name of one cookie'],
  ['carriers: { files: [{ cookie: A, path: "x/{id}" }] }', '2:40 carriers.files[0].path: "x/{id}" is not an absolute path'],
  ['carriers: { files: [{ cookie: A, path: /x/y }] }', `2:40 carriers.files[0].path: "/x/y" has no {id}, so all sessions would share one file (allowed ${EXPRESSIONS})`],
  ['carriers: { files: [{ cookie: A, path: "/x/{sha256(id)}" }] }', `2:40 carriers.files[0].path: "/x/{sha256(id)}" has an expression that unstick does not know (allowed ${EXPRESSIONS})`],
  ['carriers: { files: [{ cookie: A, path: "/x/{id}/y" }] }', '2:40 carriers.files[0].path: "/x/{id}/y" has the id in the name of a folder, and it may stand in the file\'s name only'],
  ['carriers: { files: [{ cookie: A, path: "/x/{id}", id: "(" }] }', '2:55 carriers.files[0].id: "(" is not a regular expression (allowed such as ^s%3A([A-Za-z0-9_-]{32})[.])'],
  ['carriers:\n  files:\n    - { cookie: A, path: "/x/{id}" }\n    - { cookie: A, path: "/y/{id}" }', '5:17 carriers.files[1].cookie: the cookie "A" has a file already, and may have one only'],
  ['session: { cookie: { name: __Host-x } }', '2:28 session.cookie.name: "__Host-x" has a prefix that unstick adds by itself where the cookie is secure (did you mean x)'],
  ['session: { cookie: { name: __Secure-x } }', '2:28 session.cookie.name: "__Secure-x" has a prefix that unstick adds by itself where the cookie is secure (did you mean x)'],
  ['session: { cookie: { name: a=b } }', "2:28 session.cookie.name: \"a=b\" is not the name of a cookie (allowed letters, digits and !#$%&'+-.^_`|~)"],
  ['session: { cookie: { path: x } }', '2:28 session.cookie.path: "x" is not the path of a cookie (allowed / or /path)'],
  ['session: { cookie: { domain: .example.com } }', '2:30 session.cookie.domain: ".example.com" is not a domain (allowed such as example.com, did you mean example.com)'],
  ['session: { cookie: { sameSite: Lax } }', '2:32 session.cookie.sameSite: "Lax" is not one of the known words (allowed lax strict none, did you mean lax)'],
  ['session: { cookie: { sameSite: none } }', '2:32 session.cookie.sameSite: browsers refuse a cookie with sameSite none that is not Secure: set session.cookie.secure to true'],
  ['session: { cookie: { sameSite: none, secure: auto } }', '2:32 session.cookie.sameSite: browsers refuse a cookie with sameSite none that is not Secure: set session.cookie.secure to true'],
  ['session: { cookie: { sameSite: none, secure: yes } }', '2:46 session.cookie.secure: "yes" is not one of the known words (allowed auto true false)'],
  ['listen: 127.0.0.1:3000', '2:9 listen: upstream is where unstick itself listens, so every request would go round in circles'],
  ['listen: 0.0.0.0:80\nupstream: http://localhost', '3:11 upstream: upstream is where unstick itself listens, so every request would go round in circles'],
  ['admin: { listen: 0.0.0.0:8080 }', '2:18 admin.listen: admin.listen and listen are the same address, and the admin port may not be the public one'],
  ['upstream: http://127.0.0.1:9090', '2:11 upstream: upstream is the address of the admin port, not of an app'],
  ['routes: [{ match: x/y }]', '2:19 routes[0].match: "x/y" is not a route (allowed /path/* or METHOD /path/**, did you mean /x/y)'],
  ['routes: [{ match: get /x }]', '2:19 routes[0].match: "get /x" has a method that is not a word in upper case (allowed /path/* or METHOD /path/**, did you mean GET /x)'],
  ['routes: [{ match: /x?y }]', '2:19 routes[0].match: "/x?y" has a query or a fragment, and routes are matched without (allowed /path/* or METHOD /path/**)'],
  ['routes: [{ match: /a**b }]', '2:19 routes[0].match: "/a**b" has ** beside other characters (allowed ** between slashes, as in /static/**/*.js)'],
  ['routes: [{ match: /a//b }]', '2:19 routes[0].match: "/a//b" can never match: paths are matched decoded, without // and without . or .. segments'],
  ['routes: [{ match: /a/%62 }]', '2:19 routes[0].match: "/a/%62" can never match: paths are matched decoded, without // and without . or .. segments'],
  ['routes: [{ touch: false }]', '2:10 routes[0].match: is missing'],
  ['routes: [/x]', '2:10 routes[0]: is text, and has to be a map'],
  ['routes: [{ match: /x, lock: on }]', '2:29 routes[0].lock: "on" is not one of the known words (allowed exclusive off)'],
  ['routes: [{ match: /x }, { match: GET /x }]', '2:34 routes[1].match: can never be reached: routes[0] takes all that it matches'],
  ['routes: [{ match: /a/** }, { match: /a/b/* }]', '2:37 routes[1].match: can never be reached: routes[0] takes all that it matches'],
  ['routes: [{ match: /x, session: off, lock: exclusive }]', '2:43 routes[0].lock: has no effect where session is off'],
  ['routes: [{ match: /x, lock: off, lockWait: 5s }]', '2:44 routes[0].lockWait: has no effect without lock: exclusive'],
  ['store: ${STORE}', '2:8 store: needs the environment variable STORE, which is not set (set it, or write ${STORE:-default})'],
  ['secret: [${NEW}]', '2:10 secret[0]: needs the environment variable NEW, which is not set (set it: `unstick keygen` makes one)'],
  ['secret: ${NEW}', '2:9 secret: needs the environment variable NEW, which is not set (set it: `unstick keygen` makes one)'],
  ['admin: { token: "${TOKEN}" }', '2:17 admin.token: needs the environment variable TOKEN, which is not set (set it: `unstick keygen` makes one)'],
  ['store: ${file:/run/s}', '2:8 store: needs the file /run/s, which cannot be read (no such file)'],
  ['store: ${file:run/s}', '2:8 store: has a ${file:…} whose path is not absolute (write ${file:/path})'],
  ['store: ${a-b}', '2:8 store: has a ${…} that is none of ${NAME}, ${NAME:-default} and ${file:/path} (write $${ for a plain ${)'],
  ['store: ${STORE', '2:8 store: has a ${ without its } (write $${ for a plain ${)'],
  ['listen: ${HIDDEN}', `2:9 listen: the value is not an address to listen on (allowed ${ADDRESS})`, { env: { HIDDEN: 'hunter2' } }],
  ['a: "x', '3:1 syntax: something is missing before here: a quote, a bracket, a comma, or a colon and a space after a key'],
  ['session:\n\tlifetime: 1h', '3:1 syntax: a tab cannot indent (use spaces)'],
  ['upstream: http://127.0.0.1:1\n  store: x', '2:11 syntax: the next line is indented under a key that has a value already (indent it as that key is)'],
  ['listen: a: b', '2:9 syntax: a second `key:` on the same line (put text with a colon in quotes)'],
  ['carriers: { files: [{ cookie: A, path: /s/sess_{id} }] }', '2:48 syntax: text with { or } in it needs quotes, as in "/s/sess_{id}"'],
  ['carriers: { files: [{ cookie: A, path: {id}.json }] }', '2:44 syntax: text with { or } in it needs quotes, as in "/s/sess_{id}"'],
  ['carriers:\n  files:\n    - { cookie: A, path: /s/id} }', '4:33 syntax: text with { or } in it needs quotes, as in "/s/sess_{id}"'],
  ['routes: [{ match: /a } { match: /b }]', '2:24 syntax: this does not belong here (text with special characters needs quotes)'],
  ['secret: [${UNSTICK_SECRET]', '2:11 syntax: has a ${ without its } (write $${ for a plain ${)'],
  ['a: *b', '2:4 a: is an alias without an anchor of its name before it'],
  ['? [a]\n: b', '2:3 syntax: has a key that is not plain text'],
]

describe('a file with one problem', () => {
  it.each(ROWS.map(([yaml, line, world]) => ({ yaml, line, world })))('$yaml', ({ yaml, line, world }) => {
    expect(linesOf(`app: php\n${yaml}\n`, world)).toEqual([`unstick.yaml:${line}`])
  })
})

describe('an app without a preset', () => {
  it.each([['phpp', ', did you mean php'], ['Rails', ', did you mean rails'], ['wordpress', ''], ['node', '']])('%s gets the presets, and a guess only where a slip explains it', (name, meant) => {
    expect(linesOf(`app: ${name}\n`)).toEqual([`unstick.yaml:1:6 app: "${name}" is not one of the known words (allowed ${PRESET_NAMES.join(' ')}${meant})`])
  })
})

describe('a file with several problems', () => {
  it('has them all named, in the order of the file', () => {
    const lines = linesOf('app: phq\nlisten: x\nroutes:\n  - { match: y, touch: 1 }\n  - { match: /z, lockWait: 5 }\nlimits: { entry: 1XB, sesion: 1MB }\n')
    expect(lines.map((line) => line.split(': ')[0])).toEqual([
      'unstick.yaml:1:6 app',
      'unstick.yaml:2:9 listen',
      'unstick.yaml:4:14 routes[0].match',
      'unstick.yaml:4:24 routes[0].touch',
      'unstick.yaml:5:28 routes[1].lockWait',
      'unstick.yaml:6:18 limits.entry',
      'unstick.yaml:6:23 limits.sesion',
    ])
  })

  it('is checked for conflicts between the keys that are right', () => {
    const lines = linesOf('app: php\nstore: redis://h\nadmin: { listen: 0.0.0.0:8080 }\nfoo: 1\n')
    expect(lines.map((line) => line.split(':').slice(0, 3).join(':'))).toEqual(['unstick.yaml:2:8 store', 'unstick.yaml:3:18 admin.listen', 'unstick.yaml:4:1 foo'])
  })

  it('is not blamed for a conflict with a default that stands in for a wrong value', () => {
    expect(linesOf('app: php\nlisten: wrong\nadmin: { listen: 0.0.0.0:8080 }\n')).toHaveLength(1)
  })
})

describe('a file that is not YAML', () => {
  it('has its first flaw named for each top-level key, since what comes behind it is guesswork', () => {
    const lines = linesOf('app: php\ncarriers:\n  files:\n    - { cookie: A, path: /s/sess_{id} }\nlimits: { entry: 1MB }\nlisten: a: b\nroutes:\n  - { match: /a }\nadmin: "x" y\nstore: !tag x\n')
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['unstick.yaml:4:34', 'unstick.yaml:6:9', 'unstick.yaml:9:12', 'unstick.yaml:10:8'])
  })

  it('is given up on after as many flaws as anybody reads', () => {
    expect(linesOf('a: "x" y\n'.repeat(1_000))).toHaveLength(20)
  })
})

describe('what carries nothing', () => {
  it('is a problem unless carriers are there, if only empty', () => {
    const nothing = 'unstick.yaml:1:1 carriers: there is nothing to carry: name a preset with app, or say in carriers how the app keeps its sessions'
    expect(linesOf('upstream: http://127.0.0.1:3000')).toEqual([nothing])
    expect(linesOf('')).toEqual([nothing])
    expect(linesOf('carriers: { cookies: { names: [] } }')).toEqual([])
  })

  it('is no map of keys at all', () => {
    expect(linesOf('- a\n- b\n')).toEqual(['unstick.yaml:1:1 syntax: the file has to be a map of keys, such as `upstream: http://127.0.0.1:3000`'])
  })
})

describe('problems and secrets', () => {
  const yaml = [
    'app: ${A}',
    'store: "rdis://:${B}@h:1"',
    'secret: ["${C}", short-${C}]',
    'listen: "${D}"',
    'upstream: "http://x:${E}@h"',
    'session: { cookie: { name: "${F}", path: "${G}" }, lifetime: "${H}" }',
    'trustedProxies: ["${I}"]',
    'routes: [{ match: "${J}" }]',
    'carriers: { files: [{ cookie: "${K}", path: "${L}", id: "(${M}" }] }',
    'admin: { token: "x${N}" }',
  ].join('\n')

  it('never repeat what came from the environment', () => {
    const env = Object.fromEntries('ABCDEFGHIJKLMN'.split('').map((name) => [name, 'hunter2 ;=']))
    const lines = linesOf(yaml, { env })
    expect(lines.length).toBeGreaterThan(10)
    expect(lines.join('\n')).not.toContain('hunter2')
  })

  it('never repeat the text around a syntax error', () => {
    const lines = linesOf('secret: "hunter2" hunter2\nadmin: { token: "hunter2\n')
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join('\n')).not.toContain('hunter2')
  })
})
