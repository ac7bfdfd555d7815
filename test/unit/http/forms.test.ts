import { describe, expect, it } from 'vitest'
import { multipartFields, urlencodedFields } from '../../../src/http/forms.ts'

describe('a field of an urlencoded form', () => {
  it.each<[string, string | undefined]>([
    ['user=alice', 'alice'], ['a=1&user=alice&b=2', 'alice'], ['user=al+ice%20x', 'al ice x'], ['user=%C3%A4', '\u00e4'], ['user=\u00c3\u00a4', '\u00e4'], ['user=%E4', '\ufffd'],
    ['user=a=b', 'a=b'], ['user=100%', '100%'], ['user=%zz', '%zz'], ['user=', ''], ['user', ''], ['%75ser=alice', 'alice'], ['&&user=alice&', 'alice'], ['', undefined], ['usera=1', undefined],
  ])('%s: %j', (text, value) => {
    expect(urlencodedFields(text).valueOf('user')).toBe(value)
  })

  // Each is another user to some server: the last counts, or the first; a name is cut off, folded, or split off at a semicolon.
  it.each([
    'user=admin&user=mallory', 'user=admin&User=mallory', 'user=admin&user[]=mallory', 'user=admin&user%00=mallory', 'user=admin&+user=mallory', 'user=admin&user%5b=mallory', 'user=admin&"user"=mallory',
    'a=1;user=mallory&user=admin', 'user=admin;user=mallory', 'user[0]=mallory&user=admin',
  ])('%s has two readings, and so no value', (text) => {
    expect(urlencodedFields(text).valueOf('user')).toBeUndefined()
  })

  it('is told apart from what only looks like it to nobody', () => {
    expect(urlencodedFields('user=a&users=b&user-name=c&superuser=d').valueOf('user')).toBe('a')
    expect(urlencodedFields('user_name=a&user.name=b').valueOf('user_name')).toBeUndefined()
    expect(urlencodedFields('a*=1&b=2').valueOf('a*')).toBe('1')
  })

  it('is not looked for among more fields than servers take', () => {
    const many = (count: number): string => `user=alice${'&a=1'.repeat(count)}`
    expect(urlencodedFields(many(999)).valueOf('user')).toBe('alice')
    expect(urlencodedFields(many(1_000)).valueOf('user')).toBeUndefined()
    expect(urlencodedFields(many(100_000)).mayHave('other')).toBe(true)
    expect(urlencodedFields(`user=admin${';'.repeat(1_000)}user=mallory`).valueOf('user')).toBeUndefined()
    expect(urlencodedFields(`user=admin&${';'.repeat(1_000)}user=mallory`).valueOf('user')).toBeUndefined()
  })
})

const TYPE = 'multipart/form-data; boundary=XX'
const part = (head: string, body: string): string => `--XX\r\n${head}\r\n\r\n${body}\r\n`
const field = (name: string, value: string): string => part(`Content-Disposition: form-data; name="${name}"`, value)
const fieldOf = async (parts: readonly string[], type = TYPE): Promise<string | undefined> => (await multipartFields(Buffer.from(`${parts.join('')}--XX--\r\n`), type))?.valueOf('user')

describe('a field of a multipart form', () => {
  it('is found, beside files and others', async () => {
    expect(await fieldOf([field('a', '1'), field('user', '\u00e4lice\r\nx'), part('Content-Disposition: form-data; name="f"; filename="f.txt"\r\nContent-Type: text/plain', 'user=x')])).toBe('\u00e4lice\r\nx')
    expect(await fieldOf([field('a', '1')])).toBeUndefined()
  })

  it.each<[string, readonly string[]]>([
    ['twice', [field('user', 'admin'), field('user', 'mallory')]],
    ['again in another spelling', [field('user', 'admin'), field('user[x]', 'mallory')]],
    ['as a file too', [field('user', 'admin'), part('Content-Disposition: form-data; name="user"; filename="x"', 'mallory')]],
    ['by two names', [part('Content-Disposition: form-data; name="user"; name="other"', 'admin')]],
    ['by an extended name beside', [part("Content-Disposition: form-data; name=\"other\"; name*=UTF-8''user", 'mallory'), field('user', 'admin')]],
    ['in a head that is never ended', [field('user', 'admin'), '--XX\r\nContent-Disposition: form-data; name="user"\r\n']],
    ['before the first boundary', ['Content-Disposition: form-data; name="user"\r\n\r\nmallory\r\n', field('user', 'admin')]],
    ['in a head of great length', [part(`Content-Disposition: form-data; name="user"; x="${'x'.repeat(1_000)}"`, 'admin')]],
  ])('that some server might find %s has no value', async (_, parts) => {
    expect(await fieldOf(parts)).toBeUndefined()
  })

  it('is not found without the boundary, or with another', async () => {
    expect(await fieldOf([field('user', 'alice')], 'multipart/form-data')).toBeUndefined()
    expect(await fieldOf([field('user', 'alice')], 'multipart/form-data; boundary=YY')).toBeUndefined()
  })

  it('is judged in little time, whatever is sent', async () => {
    const hostile = 'Content-Disposition '.repeat(40_000) + ' name '.repeat(40_000)
    expect(await fieldOf([hostile])).toBeUndefined()
    expect(await fieldOf(Array.from({ length: 5_000 }, (_, i) => field(`f${i}`, '')))).toBeUndefined()
  })
})
