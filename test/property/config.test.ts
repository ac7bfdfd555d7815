import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { globMatches } from '../../src/glob.ts'
import { loadConfig } from '../../src/config/load.ts'
import { parsePathTemplate } from '../../src/config/path-template.ts'
import { ConfigError, formatProblem } from '../../src/config/problem.ts'
import { compileRoutes, normalisePath, parseRoutePattern } from '../../src/config/routes.ts'
import { parseStore } from '../../src/config/store-url.ts'
import { parserCases, sessionCases } from '../support/cases.ts'


const RUNS = sessionCases(300)
const PARSER_RUNS = parserCases(300)

/** Loads `yaml`; every error but the declared one, and every problem that is no line with a place, fails the test. */
function attempt(yaml: string, env: Record<string, string> = {}): ReturnType<typeof loadConfig> | ConfigError {
  try {
    return loadConfig({ file: 'f.yaml', env, readFile: (path) => (path === 'f.yaml' ? yaml : '') })
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    expect(error.code).toBe('config_invalid')
    expect(error.problems.length).toBeGreaterThan(0)
    for (const problem of error.problems) expect(formatProblem(problem)).toMatch(/^(f\.yaml:\d+:\d+ \S[^\n]*|UNSTICK_\w+: [^\n]+)$/)
    return error
  }
}

const KEYS = ['listen', 'upstream', 'store', 'secret', 'app', 'session', 'cookie', 'name', 'path', 'domain', 'sameSite', 'secure', 'idleTimeout', 'carriers', 'cookies', 'names', 'adopt', 'files', 'id', 'headers', 'routes', 'match', 'lock', 'lockWait', 'limits', 'header', 'trustedProxies', 'admin', 'token', '__proto__', 'constructor', '<<']
const VALUES = ['', ':8080', 'http://h:1', 'redis://:p@h', 'php', 'none', 'true', '5m', '8MB', '/x/{id}', '(', '*', 'GET /**', '10.0.0.0/8', '${A}', '${A:-b}', '${file:/x}', '$${', '${', '}', '…', 'unix:/x']

const key = fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...KEYS) }, fc.string())
const leaf = fc.oneof(fc.constantFrom(...VALUES), fc.string(), fc.integer(), fc.boolean(), fc.constant(null))
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof({ depthSize: 'small' }, leaf, fc.array(tie('tree'), { maxLength: 4 }), fc.array(fc.tuple(key, tie('tree')), { maxLength: 6 }).map((pairs) => new Map(pairs))),
}))

describe('loading', () => {
  it('throws nothing but config_invalid for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void attempt(text)), RUNS)
  })

  it('throws nothing but config_invalid for any text of what YAML is made of', () => {
    const piece = fc.constantFrom(...KEYS.map((name) => `${name}:`), ...VALUES, '\n', '\n  ', '\n- ', ' ', '{', '}', '[', ']', ',', '"', "'", '&a', '*a', '|', '>', '#', '!!int', '---', '%', '\t', '?', '<<: *a')
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => void attempt(pieces.join(''))), sessionCases(1_000))
  })

  it('throws nothing but config_invalid for any tree of keys and values', () => {
    fc.assert(fc.property(tree, fc.string(), (value, a) => void attempt(stringify(value), { A: a })), RUNS)
  })

  it('ends on nesting without end', () => {
    for (const text of ['['.repeat(100_000), '{a: '.repeat(20_000), `${'- '.repeat(20_000)}x`, `a: ${'['.repeat(400)}${']'.repeat(400)}`]) expect(attempt(text)).toBeInstanceOf(ConfigError)
  })

  it('never repeats a value from the environment', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...KEYS.slice(0, 29)), fc.constantFrom('${A}', 'x${A}', '[${A}]', '{ path: ${A}, cookie: "${A}" }', '{ listen: ${A} }', '[{ match: ${A} }]')), { maxLength: 8 }), (pairs) => {
        const result = attempt(pairs.map(([name, value]) => `${name}: ${value}`).join('\n'), { A: 'hunter2 !' })
        if (result instanceof ConfigError) expect(result.message).not.toContain('hunter2')
      }),
      RUNS,
    )
  })

  it('takes any secret from the environment as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (token) => {
        const result = attempt('app: php\nadmin: { token: "${T}" }', { T: token })
        expect(result instanceof ConfigError ? result.message : result.config.admin.token).toBe(token)
      }),
      RUNS,
    )
  })
})

describe('store addresses', () => {
  it('give back any credentials that were percent-encoded', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1 })
    fc.assert(
      fc.property(text, text, (username, password) => {
        const parsed = parseStore(`redis://${encodeURIComponent(username)}:${encodeURIComponent(password)}@h:1/2`)
        expect(parsed).toEqual({ ok: true, value: { kind: 'redis', mode: 'single', tls: false, nodes: [{ host: 'h', port: 1 }], username, password, db: 2 } })
      }),
      RUNS,
    )
  })
})

describe('path templates', () => {
  it('never leave their folder, whatever the id', () => {
    const id = fc.oneof(fc.string(), fc.array(fc.constantFrom('.', '..', '/', 'a', '\0', '\\'), { maxLength: 6 }).map((parts) => parts.join('')))
    const template = parsePathTemplate('/sessions/{id}')
    if (!template.ok) throw new Error(template.problem)
    fc.assert(
      fc.property(id, (value) => {
        let path: string
        try {
          path = template.render(value)
        } catch {
          return
        }
        expect(path).toMatch(/^\/sessions\/[^/\0]+$/s)
        expect(path).not.toMatch(/\/\.+$/)
      }),
      PARSER_RUNS,
    )
  })
})

describe('routes', () => {
  const segment = fc.string({ unit: fc.constantFrom('a', 'b', '.', '*'), maxLength: 4 })
  const pattern = fc.array(fc.oneof(segment.map((text) => text.replace(/\*+/g, '*')), fc.constant('**')), { maxLength: 5 }).map((segments) => `/${segments.join('/')}`)
  const path = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 4 }), { maxLength: 6 }).map((segments) => `/${segments.join('/')}`)

  /** The meaning of a pattern, written the other way: as a regular expression over a normalised path. */
  function asRegExp(segments: readonly string[]): RegExp {
    // Every segment brings its slash; `**` brings any number of them.
    return new RegExp(`^${segments.map((part) => (part === '**' ? '(?:/[^/]*)*' : `/${part.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}`)).join('')}$`)
  }

  it('match what their pattern means', () => {
    fc.assert(
      fc.property(pattern, path, (text, requested) => {
        const parsed = parseRoutePattern(text)
        const normal = normalisePath(requested)
        fc.pre(parsed.ok && normal !== undefined)
        if (!parsed.ok || normal === undefined) return
        const defaults = { session: true, touch: true, lock: 'off', lockWaitMs: 1 } as const
        const matched = !compileRoutes([{ match: text, session: 'off' }], defaults).match('GET', requested).session
        expect(matched).toBe(asRegExp(parsed.value.segments).test(normal))
      }),
      parserCases(2_000),
    )
  })

  it('see the same path however it is spelt', () => {
    const spell = (text: string, flips: readonly boolean[]): string => text.split('').map((c, i) => (c !== '/' && flips[i] === true ? `%${c.charCodeAt(0).toString(16)}` : c)).join('')
    fc.assert(
      fc.property(path, fc.array(fc.boolean(), { maxLength: 40 }), (text, flips) => {
        expect(normalisePath(spell(text, flips))).toBe(normalisePath(text))
      }),
      PARSER_RUNS,
    )
  })

  it('settle: a path that is normal stays as it is, and holds no way up', () => {
    fc.assert(
      fc.property(fc.oneof(path, fc.webPath(), fc.string().map((text) => `/${text}`)), (text) => {
        const normal = normalisePath(text)
        if (normal === undefined) return
        expect(normal.split('/').slice(1)).not.toContain('..')
        expect(normal).not.toContain('//')
        if (!normal.includes('%')) expect(normalisePath(normal)).toBe(normal)
      }),
      PARSER_RUNS,
    )
  })
})

describe('cookie names', () => {
  it('match what their pattern means', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 }), fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 }), (glob, name) => {
        const meaning = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`)
        expect(globMatches(glob, name)).toBe(meaning.test(name))
      }),
      parserCases(2_000),
    )
  })
})
