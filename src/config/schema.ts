/** Every key of the configuration: type, default, meaning. The one source of the checks, the JSON Schema and docs/configuration.md. */
import { z } from 'zod'
import { parseCidr, parseListen, parseUpstream } from './address.ts'
import { parseAppCookieName, parseNamePattern, parseTokenCookieName } from './cookie-name.ts'
import { headers } from './headers-schema.ts'
import { right, wrong, type Parsed } from './parsed.ts'
import { parsePathTemplate, PATH_EXPRESSIONS } from './path-template.ts'
import { PRESET_NAMES } from './presets.ts'
import { parseRoutePattern } from './routes.ts'
import { flag, oneOf, scalar } from './scalar.ts'
import { parseStore } from './store-url.ts'
import { parseCount, parseDuration, parseSize, within } from './units.ts'

/** Longer waits than this are surely mistakes, and timers cannot do more than 24 days. */
const DAY = { value: 86_400_000, text: '24h' }

const duration = (description: string, fallback: string, min = { value: 1, text: '1ms' }, max?: { value: number; text: string }) =>
  scalar((text) => within(parseDuration(text), min, max), { title: 'duration', description }).prefault(fallback)

const size = (description: string, fallback: string, max: { value: number; text: string }) =>
  scalar((text) => within(parseSize(text), { value: 1024, text: '1KB' }, max), { title: 'size', description }).prefault(fallback)

const onOff = oneOf(['on', 'off'])

const notYet = (description: string) =>
  z
    .unknown()
    .meta({ title: '', description: `${description} Not in this version yet.` })
    .transform((_, context) => {
      context.addIssue({ code: 'custom', message: 'is not in this version yet', params: { flaw: wrong('is not in this version yet'), unseen: true } })
      return z.NEVER
    })
    .optional()

const MIN_SECRET = 32

/** Commas separate, as in the environment variable, so that `[${UNSTICK_SECRET}]` means the same as leaving it to the default. */
function parseSecrets(text: string): Parsed<string[]> {
  const secrets = text.split(',').map((secret) => secret.trim())
  if (secrets.some((secret) => secret === '')) return wrong('is empty', { allowed: `${MIN_SECRET} characters or more: unstick keygen makes one` })
  if (secrets.some((secret) => secret.length < MIN_SECRET)) return wrong('is too short to be safe', { allowed: `${MIN_SECRET} characters or more: unstick keygen makes one` })
  return right(secrets)
}

function parsePattern(text: string): Parsed<RegExp> {
  try {
    return right(new RegExp(text))
  } catch {
    // Its message repeats the pattern, which may have come from anywhere; that it is none is all there is to say.
    return wrong('is not a regular expression', { allowed: 'such as ^s%3A([A-Za-z0-9_-]{32})[.]' })
  }
}

const parseCookiePath = (text: string): Parsed<string> =>
  // eslint-disable-next-line no-control-regex
  /^\/[^;\u0000-\u001f\u007f]*$/.test(text) ? right(text) : wrong('is not the path of a cookie', { allowed: '/ or /path' })

const parseCookieDomain = (text: string): Parsed<string> =>
  /^(?=.{1,253}$)[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*$/.test(text) && !/^[\d.]+$/.test(text)
    ? right(text.toLowerCase())
    : wrong('is not a domain', { allowed: 'such as example.com', ...(text.startsWith('.') ? { instead: text.replace(/^\.+/, '') } : {}) })

function parseSecure(text: string): Parsed<boolean | 'auto'> {
  const word = oneOf(['auto', 'true', 'false'])(text)
  if (!word.ok) return word
  return right(word.value === 'auto' ? word.value : word.value === 'true')
}

const files = z.strictObject({
  cookie: scalar(parseAppCookieName, { title: 'cookie name', description: "The app's cookie that carries the session's id. It is vaulted, named in `carriers.cookies.names` or not." }),
  path: scalar(
    (text): Parsed<{ path: string; render: (id: string) => string }> => {
      const template = parsePathTemplate(text)
      return template.ok ? right({ path: text, render: template.render }) : template
    },
    { title: 'absolute path', description: `Where the app keeps the session's file. Expressions: \`${PATH_EXPRESSIONS.split('} ').join('}`, `')}\`.` },
  ),
  id: scalar(parsePattern, { title: 'regular expression', description: "Takes the id out of the cookie's value: its first group, or the whole match. Without it, the id is the value itself." }).optional(),
})

const route = z.strictObject({
  match: scalar((text): Parsed<string> => {
    const parsed = parseRoutePattern(text)
    return parsed.ok ? right(text) : parsed
  }, { title: 'route', description: '`METHOD /path` or `/path`; `*` within a segment, `**` for any number of segments. Matched on the decoded path without query.' }),
  session: scalar(onOff, { title: '`on` or `off`', description: 'Whether these requests have a session. `off`: none is opened, none is made.', enum: ['on', 'off'] }).optional(),
  touch: flag('Whether these requests keep their session alive. Default: true.').optional(),
  lock: scalar(oneOf(['exclusive', 'off']), { title: '`exclusive` or `off`', description: 'Whether requests of one session run one at a time. Default: `exclusive` with `carriers.files`, else `off`.', enum: ['exclusive', 'off'] }).optional(),
  lockWait: scalar((text) => within(parseDuration(text), { value: 1, text: '1ms' }, DAY), { title: 'duration', description: 'How long a request waits for its turn before it is answered `session_busy`. Default: 30s.' }).optional(),
})

const cookie = z.strictObject({
  name: scalar(parseTokenCookieName, { title: 'cookie name', description: 'The name of the token cookie. Where the cookie is secure, it gets `__Host-` in front with path `/` and no domain.' }).prefault('unstick'),
  path: scalar(parseCookiePath, { title: 'path', description: 'The Path of the token cookie.' }).prefault('/'),
  domain: scalar(parseCookieDomain, { title: 'domain', description: 'The Domain of the token cookie. Default: none, so only the host that set it gets it back.' }).optional(),
  sameSite: scalar(oneOf(['lax', 'strict', 'none']), { title: '`lax`, `strict` or `none`', description: 'The SameSite of the token cookie. `none` needs `secure: true`.', enum: ['lax', 'strict', 'none'] }).prefault('lax'),
  secure: scalar(parseSecure, {
    title: '`auto`, `true` or `false`',
    description: 'Whether the token cookie is Secure. `auto`: where the request came over https, as far as trusted proxies tell.',
    type: ['boolean', 'string'],
    enum: ['auto', true, false],
  }).prefault('auto'),
})

export const schema = z.strictObject({
  listen: scalar(parseListen, { title: 'address', description: 'Where clients, mostly a load balancer, connect.', examples: ['0.0.0.0:8080', ':8080', 'unix:/run/unstick.sock'] }).prefault('0.0.0.0:8080'),
  upstream: scalar(parseUpstream, { title: 'URL', description: 'The app beside this sidecar.', examples: ['http://127.0.0.1:3000', 'unix:/run/app.sock'] }).prefault('http://127.0.0.1:3000'),
  store: scalar(parseStore, {
    title: 'store',
    description: 'Where sessions live. `memory:`, `sqlite:PATH`, `redis://[user:password@]host:port/db`, `rediss://…`, `redis+sentinel://h:p,h:p/db?name=mymaster`, `redis+cluster://h:p,h:p`, the last two also with `rediss+`. A relative PATH counts from the folder in which the process runs.',
    examples: ['sqlite:./unstick.db', 'redis://127.0.0.1:6379', 'redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/0?name=mymaster'],
  }).prefault('sqlite:./unstick.db'),
  secret: z
    .preprocess((value) => (typeof value === 'string' ? [value] : value), z.array(scalar(parseSecrets, { title: 'secret', description: 'A secret.' })))
    .meta({ title: 'secret or list of secrets', description: 'Newest first: the first seals, all open. At least 32 characters each. Needed for any store that is not local. Default: the environment variable `UNSTICK_SECRET`, commas between several.', type: ['array', 'string'] })
    .prefault([]),
  app: scalar(oneOf(PRESET_NAMES), { title: 'preset', description: `Fills \`carriers\` for a framework; explicit keys win. ${PRESET_NAMES.map((name) => `\`${name}\``).join(', ')}.`, enum: PRESET_NAMES }).optional(),
  session: z
    .strictObject({
      cookie: cookie.meta({ title: 'map', description: 'The token cookie. It is always HttpOnly.' }).prefault({}),
      idleTimeout: duration('A session ends when nobody used it for this long.', '30m'),
      lifetime: duration('A session ends this long after its start, used or not.', '24h'),
      touchInterval: duration('Use is written down at most this often: what it saves in writes, it takes from the idle timeout.', '1m', { value: 0, text: '0s' }),
    })
    .meta({ title: 'map', description: 'How long sessions live.' })
    .prefault({}),
  carriers: z
    .strictObject({
      cookies: z
        .strictObject({
          names: z
            .array(scalar(parseNamePattern, { title: 'cookie name', description: 'A name; `*` stands for any characters, `?` for one.' }))
            .meta({ title: 'list of cookie names', description: "The app's cookies that live in the store instead of the client. `*` stands for any characters, `?` for one." })
            .prefault([]),
          adopt: flag("Take a client's own vaulted cookies in on first sight, while moving an app to unstick.").prefault('false'),
          release: flag('Hand vaulted cookies back to clients, before unstick is taken out again.').prefault('false'),
        })
        .meta({ title: 'map', description: 'State in cookies.' })
        .prefault({}),
      files: z.array(files).meta({ title: 'list of maps', description: 'State in files, on a volume that app and sidecar share.' }).prefault([]),
      headers: headers.meta({ title: 'map', description: 'State in attributes that unstick keeps, which travel in headers.' }).optional(),
      memory: notYet("State in the app's memory."),
    })
    .meta({ title: 'map', description: "How the app's state travels." })
    .prefault({}),
  routes: z.array(route).meta({ title: 'list of maps', description: 'Exceptions by path. The first match wins; what matches none gets the defaults.' }).prefault([]),
  limits: z
    .strictObject({
      header: size('The head of a request or a response, in all.', '32KB', { value: 1024 ** 2, text: '1MB' }),
      entry: size('One entry of a session: one cookie, one file.', '1MB', { value: 1024 ** 3, text: '1GB' }),
      session: size('All entries of a session.', '4MB', { value: 1024 ** 3, text: '1GB' }),
      upstreamConnections: scalar((text) => within(parseCount(text), { value: 1, text: '1' }, { value: 65_535, text: '65535' }), { title: 'integer', description: 'Connections to the app at a time; more requests wait.', type: ['integer', 'string'] }).prefault('256'),
      upstreamTimeout: duration("How long the app may take until its response's head, and between two pieces of its body.", '60s', undefined, DAY),
      drain: duration('How long requests in flight may take to finish when unstick is told to stop.', '10s', { value: 0, text: '0s' }, DAY),
    })
    .meta({ title: 'map', description: 'What is the most. Reaching one gives a named error and a metric.' })
    .prefault({}),
  trustedProxies: z
    .array(scalar(parseCidr, { title: 'CIDR range', description: 'A range of addresses.' }))
    .meta({ title: 'list of CIDR ranges', description: 'Whose X-Forwarded-* and Forwarded headers are believed.' })
    .prefault(['127.0.0.0/8', '::1/128', '10.0.0.0/8']),
  admin: z
    .strictObject({
      listen: scalar(parseListen, { title: 'address', description: 'Where `/livez`, `/readyz` and `/metrics` answer. Never the public port.' }).prefault('127.0.0.1:9090'),
      token: scalar((text): Parsed<string> => (text === '' ? wrong('is empty') : right(text)), { title: 'secret', description: 'Asked for as a bearer token by what is not a probe. Default: the environment variable `UNSTICK_ADMIN_TOKEN`.' }).optional(),
    })
    .meta({ title: 'map', description: 'The admin port.' })
    .prefault({}),
})

export type Settings = z.output<typeof schema>
