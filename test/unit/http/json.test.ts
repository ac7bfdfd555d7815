import { describe, expect, it } from 'vitest'
import { formatJson, jsonText, mayBeJson, parseJson, parseUnambiguousJson } from '../../../src/http/json.ts'
import { onlyValueAt, parseJsonPointer, removeAt, valueAt } from '../../../src/http/json-pointer.ts'

const read = (text: string): NonNullable<ReturnType<typeof parseJson>> => {
  const json = parseJson(Buffer.from(text))
  if (json === undefined || json === null) throw new Error('not JSON')
  return json
}

const pointer = (text: string): readonly string[] => {
  const steps = parseJsonPointer(text)
  if (steps === undefined) throw new Error('not a pointer')
  return steps
}

describe('JSON', () => {
  it.each([
    '{"id":12345678901234567890}', '[1.0,1e400,-0,0.1,1E2]', '{"__proto__":1,"constructor":2}', '{"a":"\u00e4\\u0000","b":[null,true,false]}', '"text"', '7',
  ])('%s comes out as it came in', (text) => {
    expect(JSON.parse(formatJson(read(text)).toString(), (_, value: unknown, { source }) => (typeof value === 'number' ? source : value))).toEqual(JSON.parse(text, (_, value: unknown, { source }) => (typeof value === 'number' ? source : value)))
  })

  it('is read in UTF-8, with a byte order mark or without', () => {
    expect(parseJson(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 })
    expect(parseJson(Buffer.from('{"a":"\u00e4"}', 'latin1'))).toBeUndefined()
  })

  it.each(['', '{', '{"a":1', '{a:1}', 'undefined', '[1,]', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, '{"a":1} {"b":2}'])('%.20j is none', (text) => {
    expect(parseJson(Buffer.from(text))).toBeUndefined()
  })

  it('keeps of a key that stands twice the last, so nothing of the first is left', () => {
    expect(formatJson(read('{"a":"secret","a":1}')).toString()).toBe('{"a":1}')
  })

  it.each<[string, boolean]>([
    ['{"a":1}', false], ['{"a":1,"a":2}', true], ['{"a":{"a":1}}', false], ['{"a":{"b":1,"b":2}}', true], ['[{"a":1},{"a":2}]', false], ['{"a":"\\"b\\": 1"}', false],
    ['{"a" : "x:y", "b":["c"]}', false], ['{"\\u0061":1,"a":2}', true], ['{"a":12345678901234567890}', false], ['"a"', false], ['{"__proto__":1,"__proto__":2}', true],
    ['{"a"', true], ['\ufeff{"a":1}', false],
  ])('of a client, %s has two readings: %s', (text, twice) => {
    expect(parseUnambiguousJson(Buffer.from(text)) === undefined).toBe(twice)
  })

  it('of a client is read, or is not, in little time and stack', () => {
    const deep = (open: string, close: string): Buffer => Buffer.from(`${open.repeat(300_000)}1${close.repeat(300_000)}`)
    const json = parseUnambiguousJson(deep('[', ']'))
    // Node 26 can write it again as well.
    expect([undefined, deep('[', ']').toString()]).toContain(json === undefined ? undefined : jsonText(json))
    parseUnambiguousJson(deep('{"a":', '}'))
    expect(parseUnambiguousJson(Buffer.from(`[${'1,'.repeat(400_000)}1]`))).toHaveLength(400_001)
    expect(parseUnambiguousJson(Buffer.from(`{"a":"${'\\\\\\"'.repeat(200_000)}"}`))).toBeDefined()
  })

  it.each([['"a"', 'a'], ['1', '1'], ['12345678901234567890', '12345678901234567890'], ['true', 'true'], ['[1,"a"]', '[1,"a"]'], ['{"a":1}', '{"a":1}'], ['""', '']])('%s is the attribute %s', (text, value) => {
    expect(jsonText(parseJson(Buffer.from(text)))).toBe(value)
  })

  it('has no attribute in null', () => {
    expect([jsonText(null), jsonText(undefined)]).toEqual([undefined, undefined])
  })

  it.each<[string | undefined, boolean]>([
    [undefined, true], ['application/json', true], ['application/json; charset=utf-8', true], ['Application/Problem+JSON', true], ['text/json', true], ['text/plain', true], ['text/javascript', true],
    ['text/html', false], ['text/event-stream', false], ['application/x-ndjson', false], ['application/jsonl', false], ['image/png', false],
  ])('may come as %s: %s', (type, may) => {
    expect(mayBeJson(type)).toBe(may)
  })
})

// The document and the rows of RFC 6901 5.
describe('a JSON pointer', () => {
  const document = read('{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\\\j":5,"k\\"l":6," ":7,"m~n":8}')

  it.each<[string, unknown]>([
    ['/foo', ['bar', 'baz']], ['/foo/0', 'bar'], ['/', 0], ['/a~1b', 1], ['/c%d', 2], ['/e^f', 3], ['/g|h', 4], ['/i\\j', 5], ['/k"l', 6], ['/ ', 7], ['/m~0n', 8],
    ['/foo/2', undefined], ['/foo/-', undefined], ['/foo/00', undefined], ['/foo/1e0', undefined], ['/foo/length', undefined], ['/foo/0/0', undefined], ['/toString', undefined], ['/bar/x', undefined], ['//', undefined],
  ])('%s', (text, value) => {
    expect(valueAt(document, pointer(text))).toEqual(value)
  })

  it('is the whole document when it is empty', () => {
    expect(valueAt(document, pointer(''))).toBe(document)
  })

  it.each(['a', '/~', '/~2', '/a~', 'foo/0'])('%s is none', (text) => {
    expect(parseJsonPointer(text)).toBeUndefined()
  })

  it.each([
    ['{"a":1,"b":2}', '/a', '{"b":2}'], ['{"a":{"b":1}}', '/a/b', '{"a":{}}'], ['{"a":["x","y"]}', '/a/0', '{"a":[null,"y"]}'],
    ['{"__proto__":1,"b":2}', '/__proto__', '{"b":2}'], ['{"a":12345678901234567890}', '/a/rawJSON', undefined],
    ['{"a":1}', '/b', undefined], ['{"a":1}', '', undefined], ['[]', '/0', undefined], ['{"a":1}', '/a/b', undefined], ['{}', '/constructor', undefined],
  ])('takes out of %s what %s names', (text, at, left) => {
    const json = read(text)
    expect(removeAt(json, pointer(at))).toBe(left !== undefined)
    expect(formatJson(json).toString()).toBe(left ?? text)
  })

  it('finds nothing that some parser might find elsewhere', () => {
    const json = read('{"user":"admin","USER":"mallory","\u017fub":1,"SUB":2,"x":{"y":1}}')
    expect(['/user', '/sub', '/\u017fub', '/SUB'].map((text) => onlyValueAt(json, pointer(text)))).toEqual([undefined, undefined, undefined, undefined])
    expect(onlyValueAt(json, pointer('/x/y'))).toBe(1)
    const numbers = parseUnambiguousJson(Buffer.from('[12345678901234567890,0.1,7]')) ?? null
    expect(['/0', '/1', '/2'].map((text) => onlyValueAt(numbers, pointer(text)))).toEqual([undefined, undefined, 7])
  })
})
