import { describe, expect, it } from 'vitest'
import type { RouteConfig } from '../../../src/config/config.ts'
import { compileRoutes, compileRules, normalisePath, routeDefaults, type Route } from '../../../src/config/routes.ts'
import { configOf } from './lines.ts'

const DEFAULTS: Route = { session: true, touch: true, lock: 'off', lockWaitMs: 30_000 }

/** Whether a request falls under the one rule `match`. */
const falls = (match: string, method: string, path: string): boolean => !compileRoutes([{ match, session: 'off' }], DEFAULTS).match(method, path).session

describe('a rule', () => {
  it.each([
    ['/a', '/a', true],
    ['/a', '/a/', false],
    ['/a', '/A', false],
    ['/a', '/ab', false],
    ['/', '/', true],
    ['/', '/a', false],
    ['/*', '/a', true],
    ['/*', '/', true],
    ['/*', '/a/b', false],
    ['/a/*/c', '/a/b/c', true],
    ['/a/*/c', '/a/b/b/c', false],
    ['/a/*.js', '/a/x.y.js', true],
    ['/a/*.js', '/a/x.css', false],
    ['/a/b*d*', '/a/bcd', true],
    ['/a/**', '/a', true],
    ['/a/**', '/a/', true],
    ['/a/**', '/a/b/c/', true],
    ['/a/**', '/ab', false],
    ['/**', '/', true],
    ['/**', '/a/b', true],
    ['/a/**/z', '/a/z', true],
    ['/a/**/z', '/a/b/c/z', true],
    ['/a/**/z', '/a/b/c/z/y', false],
    ['/a/**/m/**/z', '/a/m/b/m/c/z', true],
    ['/**/*.js', '/x.js', true],
    ['/**/*.js', '/a/b/x.js', true],
    ['/a+b/(c)', '/a+b/(c)', true],
    ['/a?', '/ab', false],
  ])('%s, of %s: %s', (match, path, expected) => {
    if (match.includes('?')) expect(() => falls(match, 'GET', path)).toThrow(TypeError)
    else expect(falls(match, 'GET', path)).toBe(expected)
  })

  it('holds for its method only, when it names one', () => {
    expect(falls('POST /a', 'POST', '/a')).toBe(true)
    expect(falls('POST /a', 'GET', '/a')).toBe(false)
    expect(falls('GET /a', 'HEAD', '/a')).toBe(false)
    expect(falls('PROPFIND /a', 'PROPFIND', '/a')).toBe(true)
    expect(falls('/a', 'ANYTHING', '/a')).toBe(true)
  })

  it.each(['/cart/pay', '//cart/pay', '/cart//pay', '/./cart/pay', '/x/../cart/pay', '/%63art/pay', '/c%61rt/%70ay', '/x/%2e%2e/cart/pay', '/cart%2Fpay', '/x%2f..%2Fcart/pay', '/../cart/pay'])(
    'is not dodged by spelling: %s',
    (path) => {
      expect(falls('/cart/pay', 'GET', path)).toBe(true)
    },
  )

  it.each(['/static/../cart/pay', '/static/%2e%2e/cart/pay', '/static/..%2fcart/pay', '/static/..%2fcart/%ff', '*', '', 'static/x', '/static%252f..'])(
    'does not take a path that only looks like it: %s',
    (path) => {
      expect(falls('/static/**', 'GET', path)).toBe(false)
    },
  )

  it.each(['/cart/pay/%ff', '/cart/pay/%zz', '/cart/pay/%', '/%63art/pay/%c3(', '/x/%2e%2e/cart/pay/%ff'])('is not dodged by what does not decode, which many an app takes as it is: %s', (path) => {
    expect(falls('/cart/pay/**', 'GET', path)).toBe(true)
  })

  it('decodes once only', () => {
    expect(falls('/a/**', 'GET', '/%2561/x')).toBe(false)
    expect(normalisePath('/%2561')).toBe('/%61')
  })

  it('matches decoded text beyond ASCII', () => {
    expect(falls('/straße', 'GET', '/stra%C3%9Fe')).toBe(true)
  })

  it('answers quickly, whatever the path', () => {
    const rules: RouteConfig[] = [{ match: '/**/a*a*a*a*b/**/c*c*c*d/**/e' }]
    const routes = compileRoutes(rules, DEFAULTS)
    const start = performance.now()
    routes.match('GET', `/${'a'.repeat(30_000)}`)
    routes.match('GET', '/a'.repeat(15_000))
    routes.match('GET', `/${'aaab/'.repeat(3000)}${'cccd/'.repeat(3000)}`)
    // Milliseconds in truth: a backtracking matcher would need minutes.
    expect(performance.now() - start).toBeLessThan(3000)
  })
})

describe('rules', () => {
  const routes = compileRoutes(
    [
      { match: 'GET /static/**', session: 'off' },
      { match: '/api/poll/**', touch: false },
      { match: 'POST /cart/**', lock: 'exclusive', lockWaitMs: 5000 },
      { match: '/cart/**', lock: 'off' },
    ],
    DEFAULTS,
  )

  it('are asked in order, and the first that matches counts', () => {
    expect(routes.match('POST', '/cart/add')).toEqual({ session: true, touch: true, lock: 'exclusive', lockWaitMs: 5000 })
    expect(routes.match('GET', '/cart/add')).toEqual({ session: true, touch: true, lock: 'off', lockWaitMs: 30_000 })
    expect(routes.match('GET', '/api/poll/1')).toEqual({ session: true, touch: false, lock: 'off', lockWaitMs: 30_000 })
    expect(routes.match('GET', '/static/a.css').session).toBe(false)
  })

  // Tomcat and Jetty take parameters out of a path, and then `..;` for `..`; most others take them for a part of the name.
  it.each(['/cart;x/add', '/cart;jsessionid=1/add;y=2', '/cart/status/..;/add', '/static/..;x/cart/add', '/cart/add/..;/status', '/;/cart/add', '/.;/cart/add', '/x/..;a=%2f/cart/add', '/x/..%3b/cart/add', '/static;x=/../cart/add', '/CART/..;/x'])('lock where a parameter in the path may hide a path that they lock: %s', (path) => {
    const strict = compileRoutes([{ match: '/static/**', session: 'off' }, { match: '/cart/status', lock: 'off' }, { match: '/cart/**', lock: 'exclusive' }], DEFAULTS)
    expect(strict.match('POST', path)).toMatchObject({ session: true, lock: 'exclusive' })
  })

  // Express has it so by default, and so have servers on file systems that do not tell cases apart.
  it.each(['/CART/add', '/cart/Add', '/cart/add/', '/%43art/add', '/Cart;x/ADD/'])('lock where an app may take a path for theirs, in another case or with a slash at its end: %s', (path) => {
    const strict = compileRoutes([{ match: '/status', lock: 'off' }, { match: '/cart/add', lock: 'exclusive' }], DEFAULTS)
    expect(strict.match('POST', path)).toMatchObject({ lock: 'exclusive' })
    expect(strict.match('POST', '/STATUS').lock).toBe('off')
  })

  it('keep a session where only a parameter in the path makes it one without', () => {
    expect(routes.match('GET', '/account/..;/static/a.css').session).toBe(true)
    expect(routes.match('GET', '/static;v=1/a.css').session).toBe(true)
    expect(routes.match('GET', '/static/a.css;v=1').session).toBe(false)
  })

  it('leave what matches none to the defaults', () => {
    expect(routes.match('POST', '/static/a.css')).toBe(DEFAULTS)
    expect(routes.match('GET', '/')).toBe(DEFAULTS)
  })

  it('hand out the same object each time', () => {
    expect(routes.match('GET', '/static/a')).toBe(routes.match('GET', '/static/b'))
    expect(Object.isFrozen(routes.match('GET', '/static/a'))).toBe(true)
    expect(compileRoutes([], DEFAULTS).match('GET', '/%')).toBe(DEFAULTS)
  })
})

describe('the defaults', () => {
  it('lock where files are carried', () => {
    expect(routeDefaults(configOf('app: php'))).toEqual({ session: true, touch: true, lock: 'exclusive', lockWaitMs: 30_000 })
    expect(routeDefaults(configOf('app: flask'))).toEqual({ session: true, touch: true, lock: 'off', lockWaitMs: 30_000 })
  })
})

describe('rules that all are heeded', () => {
  const rules = [{ on: 'POST /api/login', n: 1 }, { on: '/api/**', n: 2 }, { on: 'GET /x', n: 3 }, { on: 'GET /token', n: 4 }]
  const compiled = compileRules(rules, (rule) => (rule.n % 3 === 1 ? { ...rule, n: -rule.n } : undefined))
  const found = (method: string, path: string): number[] => compiled.match(method, path).map(({ n }) => n)

  it.each<[string, string, number[]]>([
    ['POST', '/api/login', [1, 2]], ['POST', '//api/./%6cogin', [1, 2]], ['GET', '/api/login', [2]], ['GET', '/x', [3]], ['GET', '/X', []], ['POST', '/%ff', []], ['PUT', '/', []],
    // What an app might take for it is told apart from what it is.
    ['POST', '/api/Login', [-1, 2]], ['POST', '/api/login/', [-1, 2]], ['POST', '/api/login;a=1', [-1, 2]], ['POST', '/API;x/LOGIN;y/', [-1]], ['POST', '/a/..;/api/login', [-1]], ['POST', '/.;/api/login', [-1]], ['POST', '/;x/api/login', [-1]], ['POST', '/a/..%3bx/api/login', [-1]], ['POST', '/api/login;a=%2fb', [-1, 2]], ['POST', '/api/x/..;/LOGIN', [-1, 2]], ['POST', '/api/login/x', [2]], ['GET', '/API/login', []], ['HEAD', '/token', [-4]], ['HEAD', '/Token', [-4]], ['HEAD', '/x', []], ['GET', '/token', [4]], ['HEAD', '/api/login', [2]],
  ])('%s %s: %j', (method, path, ns) => {
    expect(found(method, path)).toEqual(ns)
  })
})
