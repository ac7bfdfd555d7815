import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { jsonSchema, keyDocs, keysAt } from '../../../src/config/key-docs.ts'
import { editDistance, likely, nearest } from '../../../src/config/suggest.ts'

describe('the schema', () => {
  it('is the source of the committed JSON Schema and reference', () => {
    const script = join(import.meta.dirname, '../../../scripts/schema.ts')
    const { status, stderr } = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' })
    expect([status, stderr]).toEqual([0, ''])
  })

  it('says of every key what it means, and of every value what it is', () => {
    const docs = keyDocs()
    expect(docs.length).toBeGreaterThan(40)
    for (const { key, type, description } of docs) expect([key, description.length > 0, type.length > 0 || description.includes('Not in this version')]).toEqual([key, true, true])
  })

  it('refuses unknown keys in editors, too', () => {
    expect(jsonSchema()).toMatchObject({ type: 'object', additionalProperties: false, properties: { session: { properties: { cookie: { additionalProperties: false } } } } })
  })

  it('tells editors defaults of the type that they have', () => {
    expect(jsonSchema()).toMatchObject({ properties: { limits: { properties: { upstreamConnections: { default: 256 }, header: { default: '32KB' } } } } })
  })

  it('knows the keys of every map', () => {
    expect(keysAt(keyDocs(), 'admin')).toEqual(['listen', 'token'])
    expect(keysAt(keyDocs(), 'carriers.files[]')).toEqual(['cookie', 'path', 'id'])
    expect(keysAt(keyDocs(), 'nowhere')).toEqual([])
  })
})

describe('suggestions', () => {
  it('count letters to insert, drop, replace and swap', () => {
    expect([editDistance('', ''), editDistance('abc', ''), editDistance('abc', 'abd'), editDistance('listne', 'listen'), editDistance('ab', 'xaby')]).toEqual([0, 3, 1, 1, 2])
  })

  it('name the nearest word, or only a likely one', () => {
    expect(nearest('UPSTREM', ['listen', 'upstream'])).toBe('upstream')
    expect(nearest('zzz', ['listen'])).toBe('listen')
    expect(nearest('x', [])).toBeUndefined()
    expect(likely('zzz', ['listen'])).toBeUndefined()
    expect(likely('lisen', ['listen'])).toBe('listen')
  })
})
