/** What is learned from the traffic of an app that knows nothing of unstick. */
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { headersSubject, told, type Answered, type Asked } from './headers-subject.ts'

const FORM = ['Content-Type', 'application/x-www-form-urlencoded']
const JSON_TYPE = ['Content-Type', 'application/json']

/** What one exchange tells of the session, from the heads and the bodies. */
async function learned(rules: string, asked: Asked, answered: Answered = {}, attributes: Record<string, string> = {}): Promise<string[]> {
  const { captured, read } = await headersSubject(`receive: X-Session\ncapture:\n${rules.replace(/^/gm, '  - ')}`).exchange(attributes, { method: 'POST', target: '/login', ...asked }, answered)
  return [...told(captured), ...(read === undefined ? [] : told(read.changes))]
}

describe('a source', () => {
  it.each<[string, Asked, Answered, string | undefined]>([
    ['form.username', { headers: FORM, body: ['user', 'name=al', 'ice'] }, {}, 'alice'],
    ['form.username', { headers: [...FORM, 'Content-Encoding', 'gzip'], body: [gzipSync('username=alice').toString('latin1')] }, {}, 'alice'],
    ['form.username', { headers: ['Content-Type', 'application/x-www-form-urlencoded; charset=UTF-8'], body: ['username=alice'] }, {}, 'alice'],
    ['form.username', { headers: ['Content-Type', 'application/x-www-form-urlencoded; charset=iso-8859-1'], body: ['username=alice'] }, {}, undefined],
    ['form.username', { headers: ['Content-Type', 'multipart/form-data; boundary=X'], body: ['--X\r\nContent-Disposition: form-data; name="username"\r\n\r\nalice\r\n--X--\r\n'] }, {}, 'alice'],
    ['form.username', { headers: JSON_TYPE, body: ['{"username":"alice"}'] }, {}, undefined],
    ['form.username', { headers: FORM, body: ['username=admin&username=mallory'] }, {}, undefined],
    ['form.username', { headers: FORM, body: ['username=admin'], target: '/login?username=mallory' }, {}, undefined],
    ['form.username', { headers: FORM, body: ['username=admin'], target: '/login?next=/' }, {}, 'admin'],
    ['form.username', { headers: FORM, body: ['username=alice'], cut: true }, {}, undefined],
    ['form.username', {}, {}, undefined],
    ['form.username', { headers: [...FORM, 'content_type', 'text/plain'], body: ['username=alice'] }, {}, undefined],
    ['request.json./user/name', { headers: JSON_TYPE, body: ['{"user":', '{"name":"alice"}}'] }, {}, 'alice'],
    ['request.json./user', { headers: JSON_TYPE, body: ['{"user":"admin","user":"mallory"}'] }, {}, undefined],
    ['request.json./user', { headers: JSON_TYPE, body: ['{"user":"admin","User":"mallory"}'] }, {}, undefined],
    ['request.json./user', { headers: JSON_TYPE, body: ['{"user":"admin"}'], target: '/login?user[]=mallory' }, {}, undefined],
    ['request.json./user', { headers: FORM, body: ['user=admin'] }, {}, undefined],
    ['request.json./user', { headers: JSON_TYPE, body: ['{"user"'] }, {}, undefined],
    ['request.header.X-User', { headers: ['x-user', 'alice'] }, {}, 'alice'],
    ['request.header.X-User', { headers: ['X-User', 'admin', 'x_user', 'mallory'] }, {}, undefined],
    ['query.user', { target: '/login?a=1&user=al%20ice' }, {}, 'al ice'],
    ['query.user', { target: '/login?user=a&user=b' }, {}, undefined],
    ['query.user', { target: '/login?user=a', headers: FORM, body: ['user=b'] }, {}, undefined],
    ['query.user', { target: '/login' }, {}, undefined],
    ['cookie.user', { cookies: [{ name: 'user', value: 'alice' }, { name: 'other', value: '1' }] }, {}, 'alice'],
    ['cookie.user', { cookies: [{ name: 'user', value: 'admin' }, { name: 'User', value: 'mallory' }] }, {}, undefined],
    ['header.X-Role', {}, { headers: ['x-role', 'a', 'X-Role', '\u00c3\u00a4'] }, 'a, \u00e4'],
    ['header.X-Role', {}, { headers: ['X-Role', ''] }, undefined],
    ['header.X-Session-Token', {}, { withheld: ['X-Session-Token', 't'] }, 't'],
    ['json./token', {}, { headers: JSON_TYPE, body: '{"token":"t"}' }, 't'],
    ['json./ids/0', {}, { headers: JSON_TYPE, body: '{"ids":[12345678901234567890]}' }, '12345678901234567890'],
    ['json./token', {}, { body: '{"token":"t"}' }, 't'],
    ['json./token', {}, { headers: [...JSON_TYPE, 'Content-Encoding', 'gzip'], body: gzipSync('{"token":"t"}') }, 't'],
    ['json./token', {}, { headers: [...JSON_TYPE, 'Content-Encoding', 'gzip'], body: '{"token":"t"}' }, undefined],
    ['json./token', {}, { headers: JSON_TYPE, body: '{"token":null}' }, undefined],
    ['json./token', {}, { headers: JSON_TYPE, body: '{"token":""}' }, undefined],
    ['json./token', {}, { headers: JSON_TYPE, body: '{"token"' }, undefined],
    ['json./token', {}, { headers: ['Content-Type', 'text/html'], body: '{"token":"t"}' }, undefined],
    ['json./token', { method: 'HEAD' }, { headers: JSON_TYPE, body: '' }, undefined],
    ['json./token', {}, { status: 204, headers: JSON_TYPE, body: '' }, undefined],
  ])('%s of %j and %j: %j', async (source, asked, answered, value) => {
    expect(await learned(`{ on: /login, set: { a: ${source} } }`, asked, answered)).toEqual(value === undefined ? [] : [`a=${value}`])
  })
})

describe('a rule', () => {
  const RULE = '{ on: POST /login, set: { user: form.username, token: json./token, role: "header.X-Role?" }, subject: user }'
  const login: Asked = { headers: FORM, body: ['username=alice&password=x'] }
  const welcome: Answered = { headers: [...JSON_TYPE, 'X-Role', 'admin'], body: '{"token":"t"}' }

  it('learns everything that it names, and whose session it is', async () => {
    expect(await learned(RULE, login, welcome)).toEqual(['user=alice', 'token=t', 'role=admin', 'subject:alice'])
  })

  it('learns nothing at all when one is missing: an error that comes with 200 is no login', async () => {
    expect(await learned(RULE, login, { ...welcome, body: '{"error":"wrong password"}' })).toEqual([])
    expect(await learned(RULE, { ...login, body: ['password=x'] }, welcome)).toEqual([])
  })

  it('takes away what may be missing and is, so that nothing is left of who was there before', async () => {
    expect(await learned(RULE, login, { ...welcome, headers: JSON_TYPE }, { user: 'bob', token: 'b', role: 'admin' })).toEqual(['user=alice', 'token=t', '-role', 'subject:alice'])
  })

  it('is about its method, path and status only', async () => {
    expect(await learned(RULE, { ...login, method: 'PUT' }, welcome)).toEqual([])
    expect(await learned(RULE, { ...login, target: '/login/x' }, welcome)).toEqual([])
    expect(await learned(RULE, { ...login, target: '/x/../%6cogin' }, welcome)).toContain('user=alice')
    expect(await learned(RULE, login, { ...welcome, status: 401 })).toEqual([])
    expect(await learned(RULE.replace('on:', 'status: 4xx, on:'), login, { ...welcome, status: 401 })).toContain('user=alice')
  })

  it('gets a new token for a session that was there before the login', async () => {
    expect(await learned('{ on: /login, set: { user: header.X-User } }', {}, { headers: ['X-User', 'alice'] }, { cart: 'tea' })).toEqual(['user=alice', 'rotate:true'])
    expect(await learned('{ on: /login, set: { user: header.X-User } }', {}, { headers: ['X-User', 'alice'] }, { user: 'bob' })).toEqual(['user=alice'])
  })

  it('writes nothing that is so already', async () => {
    expect(await learned('{ on: /login, set: { user: header.X-User } }', {}, { headers: ['X-User', 'alice'] }, { user: 'alice' })).toEqual([])
  })

  it('ends the session, if there is one', async () => {
    expect(await learned('{ on: POST /login, destroy: true }', {}, {}, { user: 'bob' })).toEqual(['destroy:true'])
    expect(await learned('{ on: POST /login, destroy: true }', {}, {})).toEqual([])
  })

  it('is heeded with all others that match, the later ones over the earlier', async () => {
    const rules = '{ on: /login, set: { a: header.X-A, b: header.X-A } }\n{ on: /**, set: { b: header.X-B } }\n{ on: /other, set: { a: header.X-B } }'
    expect(await learned(rules, {}, { headers: ['X-A', '1', 'X-B', '2'] })).toEqual(['a=1', 'b=2'])
  })

  it('counts what became of it, and says once why it learned nothing, without a value', async () => {
    const subject = headersSubject(`receive: X-Session\ncapture:\n  - ${RULE}`, { entryBytes: 100 })
    const ask = async (asked: Asked, answered: Answered) => subject.exchange({}, { method: 'POST', target: '/login', ...asked }, answered)
    await ask(login, welcome)
    await ask(login, { ...welcome, body: '{"token":1' })
    await ask(login, { ...welcome, body: '{"token":1' })
    await ask(login, { headers: JSON_TYPE })
    await ask(login, { ...welcome, headers: [...JSON_TYPE, 'Content-Length', '101'] })
    await ask({ ...login, body: ['username=alice&password=', 'secret'.repeat(20)] }, welcome)
    await ask({ ...login, cut: true }, welcome)
    await ask(login, { headers: ['Content-Type', 'text/html'], body: '' })
    expect(subject.results).toEqual(['captured', 'malformed', 'malformed', 'too_large', 'too_large', 'too_large', 'unfinished', 'missing'])
    expect(subject.log.lines).toHaveLength(4)
    expect(subject.log.text()).not.toMatch(/alice|secret/)
  })
})

describe('what is stripped', () => {
  const subject = headersSubject('receive: X-Session\ncapture:\n  - { on: POST /login, set: { token: json./token }, strip: [json./token, json./refresh, header.X-Token] }')
  const ask = async (answered: Answered, asked: Asked = {}) => subject.exchange({}, { method: 'POST', target: '/login', ...asked }, answered)

  it('is not in the body any more, and the head fits what is left', async () => {
    const coded = gzipSync('{"token":"t","refresh":{"r":1},"name":"alice"}')
    const { response, read } = await ask({
      headers: ['Content-Type', 'application/json; charset=utf-8', 'Content-Encoding', 'gzip', 'Content-Length', String(coded.length), 'ETag', '"v1"', 'Content-MD5', 'x', 'Digest', 'x', 'Repr-Digest', 'x', 'Accept-Ranges', 'bytes', 'Trailer', 'Content-Digest', 'X-Token', 't', 'Vary', 'Accept-Encoding'],
      body: coded,
    })
    expect(read?.body?.toString()).toBe('{"name":"alice"}')
    expect(response.headers).toEqual(['Content-Type', 'application/json; charset=utf-8', 'ETag', 'W/"v1"', 'Vary', 'Accept-Encoding', 'Content-Length', '16'])
    expect(response.personal).toBe(true)
  })

  it('goes also where the rule learned nothing', async () => {
    const { captured, read } = await ask({ headers: JSON_TYPE, body: '{"refresh":"r"}' })
    expect([told(captured), told(read?.changes ?? captured), read?.body?.toString()]).toEqual([[], [], '{}'])
  })

  it('leaves a body in which it is not as it came', async () => {
    const headers = [...JSON_TYPE, 'ETag', '"v1"', 'Content-Length', '15']
    const { response, read } = await ask({ headers, body: '{ "error": "e" }' })
    expect([read?.body, response.headers]).toEqual([undefined, headers])
  })

  it('cannot be had in parts or as a difference, nor in a coding or charset that nobody here reads', async () => {
    const { request } = await ask({}, { headers: ['Range', 'bytes=0-9', 'if_range', '"v1"', 'Accept-Encoding', 'dcb, gzip;q=0.5', 'Accept-Charset', 'utf-7', 'A-IM', 'vcdiff', 'X-Other', '1'] })
    expect(request.headers).toEqual(['Accept-Encoding', 'gzip;q=0.5', 'X-Other', '1'])
    const other = await subject.exchange({}, { headers: ['Range', 'bytes=0-9', 'Accept-Encoding', 'dcb'] })
    expect(other.request.headers).toEqual(['Range', 'bytes=0-9', 'Accept-Encoding', 'dcb'])
  })
})

describe('an answer from which JSON is stripped', () => {
  const ANY_JSON = 'application/json, */*;q=0.1'

  it.each([
    ['application/xml', ANY_JSON], ['*/*', ANY_JSON], ['application/json', 'application/json'], ['application/json, text/plain, */*', 'application/json'], ['application/json;q=0, text/html', ANY_JSON],
    ['application/json;q=0.000;v=1', ANY_JSON], ['application/vnd.api+json; version=2;q=0.5, application/json;q=0.1', 'application/vnd.api+json; version=2;q=0.5, application/json;q=0.1'], ['application/json;x="text/html', ANY_JSON], ['', ANY_JSON],
  ])('is asked for as JSON, whatever the client would rather have: %j', async (accept, sent) => {
    const subject = headersSubject('receive: X-Session\ncapture:\n  - { on: POST /login, strip: [json./token] }')
    const { request } = await subject.exchange({}, { method: 'POST', target: '/login', headers: ['Accept', accept, 'X-Other', '1'] })
    expect(request.headers).toEqual(['X-Other', '1', 'Accept', sent])
  })

  it('is asked for so also where the client says it twice, and left to the app where it does not say', async () => {
    const subject = headersSubject('receive: X-Session\ncapture:\n  - { on: POST /login, strip: [json./token] }\n  - { on: /me, set: { a: json./a } }')
    const sent = async (target: string, headers: string[]) => (await subject.exchange({}, { method: 'POST', target, headers })).request.headers
    expect(await sent('/login', ['Accept', 'application/xml', 'accept', 'application/json'])).toEqual(['Accept', 'application/json'])
    expect(await sent('/login', ['X-Other', '1'])).toEqual(['X-Other', '1'])
    // Where nothing is kept from it, the client may have what it likes.
    expect(await sent('/me', ['Accept', 'application/xml'])).toEqual(['Accept', 'application/xml'])
  })

  const subject = headersSubject('receive: X-Session\ncapture:\n  - { on: POST /login, set: { token: json./token }, strip: [json./token] }')
  const utf16 = (text: string, order: 'le' | 'be'): Buffer => { const bytes = Buffer.from(text, 'utf16le'); return order === 'le' ? bytes : bytes.swap16() }
  const TEXT = '{"token":"t","name":"\u017elu\u0165"}'

  it.each<[string, string[], Buffer, string]>([
    ['UTF-16', ['Content-Type', 'application/json;charset=utf-16le'], utf16(TEXT, 'le'), 'application/json;charset=utf-8'],
    ['UTF-16, of which only its bytes tell', ['Content-Type', 'application/json'], utf16(TEXT, 'be'), 'application/json'],
    ['UTF-16 with a byte order mark', ['Content-Type', 'application/json; charset="UTF-16"; v=1'], utf16(`\ufeff${TEXT}`, 'be'), 'application/json; charset=utf-8; v=1'],
    ['two types', ['Content-Type', 'text/html', 'Content-Type', 'application/json'], Buffer.from(TEXT), 'text/html'],
    ['a type that is said twice in one', ['Content-Type', 'application/json, application/json'], Buffer.from(TEXT), 'application/json, application/json'],
  ])('is read in whatever way an app may give it: %s', async (_, headers, body, type) => {
    const { response, read } = await subject.exchange({}, { method: 'POST', target: '/login' }, { headers, body })
    expect(read?.body?.toString()).toBe('{"name":"\u017elu\u0165"}')
    expect(response.headers[1]).toBe(type)
  })
})

it('reads no body that no rule asks for', async () => {
  const subject = headersSubject('receive: X-Session\ncapture:\n  - { on: /form, set: { a: form.a } }\n  - { on: /json, set: { a: json./a } }\n  - { on: /head, set: { a: header.X-A } }')
  const wants = async (target: string): Promise<unknown[]> => {
    const request = { method: 'POST', target, path: target, host: 'h', secure: true, headers: [], cookies: [], dropped: [] }
    const exchange = await subject.carrier.begin({ id: undefined, entries: new Map(), now: () => 0 }, request)
    const response = { status: 200, headers: JSON_TYPE }
    exchange.capture(response)
    return [exchange.requestBody !== undefined, exchange.reading?.(response)?.maxBytes]
  }
  expect(await wants('/form')).toEqual([true, 0])
  expect(await wants('/json')).toEqual([false, 10_000])
  expect(await wants('/head')).toEqual([false, undefined])
  expect(await wants('/other')).toEqual([false, undefined])
})
