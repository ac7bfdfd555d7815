/** Attributes on their way to the app, and what an app says that knows of unstick. */
import { describe, expect, it } from 'vitest'
import { headersSubject, told } from './headers-subject.ts'

const pairs = (headers: readonly string[]): string[] => headers.flatMap((field, i) => (i % 2 === 0 ? [`${field}: ${headers[i + 1] ?? ''}`] : []))

describe('what the app is sent', () => {
  it.each([
    ['form', 'a%26b=1%3D2&user=z%C3%BCrich+%E2%82%AC'],
    ['json', '{"a&b":"1=2","user":"z\\u00fcrich \\u20ac"}'],
    ['base64json', Buffer.from('{"a&b":"1=2","user":"z\\u00fcrich \\u20ac"}').toString('base64')],
  ])('is all attributes, as %s', async (format, value) => {
    const subject = headersSubject(`send: X-Session\nreceive: X-Session\nformat: ${format}`)
    const { request } = await subject.exchange({ user: 'z\u00fcrich \u20ac', 'a&b': '1=2' }, { headers: ['Accept', '*/*'] })
    expect(pairs(request.headers)).toEqual(['Accept: */*', `X-Session: ${value}`])
  })

  it('is each header of which all attributes are there, and the id', async () => {
    const subject = headersSubject('id: true\nreceive: X-Session\ninject: { X-Forwarded-User: "{user}", Authorization: "Bearer {token}", X-Name: "{user|url}" }')
    expect(pairs((await subject.exchange({ user: 'alice' })).request.headers)).toEqual(['X-Session-Id: public-id', 'X-Forwarded-User: alice', 'X-Name: alice'])
    expect((await subject.exchange({})).request.headers).toEqual([])
  })

  it('is without a header that would not arrive as it is; that is counted, and said once without the value', async () => {
    const subject = headersSubject('receive: X-Session\ninject: { X-User: "{user}", X-Url: "{user|url}" }')
    for (const user of ['admin\r\nX-Evil: 1', ' admin']) expect(pairs((await subject.exchange({ user })).request.headers)).toEqual([`X-Url: ${encodeURIComponent(user)}`])
    expect(subject.results).toEqual(['refused', 'refused'])
    expect(subject.log.lines).toMatchObject([{ level: 'warn', detail: { header: 'X-User' } }])
    expect(subject.log.text()).not.toContain('admin')
  })

  it('is refused as too large where the app would refuse it', async () => {
    const subject = headersSubject('send: X-Session\nreceive: X-Session', { headerBytes: 100 })
    const fits = 100 - 'X-Session: a='.length - 2
    expect((await subject.exchange({ a: 'x'.repeat(fits) })).request.headers).toHaveLength(2)
    await expect(subject.exchange({ a: 'x'.repeat(fits + 1) })).rejects.toMatchObject({ code: 'too_large', status: 431 })
  })

  it.each<[string[], string[]]>([
    [[], ['private']], [['max-age=60'], ['max-age=60', 'private']], [['no-store'], ['no-store']], [['Private, max-age=1'], ['Private, max-age=1']], [['public, max-age=60'], ['public, max-age=60']], [['s-maxage=60'], ['s-maxage=60']],
  ])('with Authorization makes an answer with Cache-Control %j one that says %j: shared caches see no Authorization any more', async (said, now) => {
    const subject = headersSubject('receive: X-Session\ninject: { Authorization: "Bearer {token}" }')
    const { response } = await subject.exchange({ token: 't' }, {}, { headers: said.flatMap((value) => ['Cache-Control', value]) })
    expect(response.headers.filter((_, i) => i % 2 === 1)).toEqual(now)
    const anonymous = await subject.exchange({}, {}, { headers: [] })
    expect(anonymous.response.headers).toEqual([])
  })
})

describe('what the app says', () => {
  const subject = headersSubject('send: X-Session\nreceive: X-Session')
  const said = async (attributes: Record<string, string>, ...withheld: string[]): Promise<string[]> => told((await subject.exchange(attributes, {}, { withheld })).captured)

  it('sets attributes, takes away those with an empty value, and leaves the others', async () => {
    expect(await said({ a: '1', b: '2' }, 'X-Session-Set', 'a=3&b=&c=%E2%82%AC+x')).toEqual(['a=3', 'c=\u20ac x', '-b'])
    expect(await said({}, 'x_session_set', 'a=1', 'X-Session-Set', 'b=2')).toEqual(['a=1', 'b=2'])
  })

  it('changes nothing that is so already', async () => {
    expect(await said({ a: '1' }, 'X-Session-Set', 'a=1&b=')).toEqual([])
    expect(await said({ a: '1' }, 'X-Session-Replace', 'a=1')).toEqual([])
  })

  it('takes away what a request beside this one may have set, if there is anything to write', async () => {
    expect(await said({ a: '1' }, 'X-Session-Set', 'a=2&b=')).toEqual(['a=2', '-b'])
  })

  it('replaces all, in whatever order the headers stand', async () => {
    expect(await said({ a: '1', b: '2' }, 'X-Session-Set', 'd=4', 'X-Session-Replace', 'b=3')).toEqual(['b=3', 'd=4', '-a'])
    expect(await said({ a: '1' }, 'X-Session-Replace', '')).toEqual(['-a'])
  })

  it('gets a new token for a session that gains an attribute by being replaced: that may be a login', async () => {
    expect(await said({ a: '1' }, 'X-Session-Replace', 'a=2')).toEqual(['a=2'])
    expect(await said({}, 'X-Session-Replace', 'a=2')).toEqual(['a=2'])
    expect(await said({ a: '1' }, 'X-Session-Set', 'b=2')).toEqual(['b=2'])
  })

  it('names the subject, or nobody', async () => {
    expect(await said({}, 'X-Session-Set', 'user=a', 'X-Session-Subject', 'al\u00c3\u00a4')).toEqual(['user=a', 'subject:al\u00e4'])
    expect(await said({ user: 'a' }, 'X-Session-Subject', '')).toEqual(['subject:null'])
  })

  it('renews and ends the session, where there is one', async () => {
    expect(await said({ a: '1' }, 'X-Session-Renew', '1')).toEqual(['rotate:true'])
    expect(await said({ a: '1' }, 'X-Session-Renew', '0')).toEqual([])
    expect(await said({}, 'X-Session-Renew', '1')).toEqual([])
    expect(await said({ a: '1' }, 'X-Session-Destroy', '1', 'X-Session-Set', 'b=1')).toEqual(['destroy:true'])
    expect(await said({ a: '1' }, 'X-Session-Destroy', 'no')).toEqual([])
    expect(await said({}, 'X-Session-Destroy', '1')).toEqual([])
  })

  it('and is not for unstick is left alone', async () => {
    expect(await said({}, 'X-Session-Other', 'a=1', 'Unstick-Error', 'x')).toEqual([])
  })

  it.each(['', 'x'.repeat(257), 'a\nb'])('under the name %j is left out, counted, and said once', async (name) => {
    const strict = headersSubject('receive: X-Session')
    for (let i = 0; i < 2; i += 1) {
      const { captured } = await strict.exchange({}, {}, { withheld: ['X-Session-Set', `${encodeURIComponent(name)}=1&b=2`] })
      expect(told(captured)).toEqual(['b=2'])
    }
    expect(strict.results).toEqual(['malformed', 'malformed'])
    expect(strict.log.lines).toMatchObject([{ detail: { header: 'X-Session-Set' } }])
  })

  it.each([
    ['json', '{"a":"1","b":2,"c":true,"d":["x"],"e":"","f":null}', ['a=1', 'b=2', 'c=true', 'd=["x"]', '-e', '-f']],
    ['base64json', Buffer.from('{"a":"\u20ac"}').toString('base64'), ['a=\u20ac']],
    ['base64json', Buffer.from('{"a":"\u00ff\u00fe?"}').toString('base64url'), ['a=\u00ff\u00fe?']],
    ['json', '{"a":"\u00c3\u00a4"}', ['a=\u00e4']],
    ['json', '["a"]', []], ['json', '{"a"', []], ['json', '1', []], ['json', '12345678901234567890', []], ['base64json', '!', []], ['base64json', 'e30', []],
  ])('in %s: %s', async (format, text, changes) => {
    const other = headersSubject(`receive: X-Session\nformat: ${format}`)
    expect(told((await other.exchange({}, {}, { withheld: ['X-Session-Set', text] })).captured)).toEqual(changes)
  })

  it('is not heeded under names that the configuration does not give', async () => {
    const apache = headersSubject('send: Session\nreceive: X-Replace-Session')
    expect(told((await apache.exchange({ a: '1' }, {}, { withheld: ['X-Replace-Session', 'b=2', 'X-Session-Set', 'c=3'] })).captured)).toEqual(['b=2', '-a', 'rotate:true'])
  })
})
