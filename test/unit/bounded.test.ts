import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Bounded } from '../../src/bounded.ts'
import { CookieNames, cookieSorter } from '../../src/http/cookie-names.ts'
import { parseCookieHeader } from '../../src/http/cookies.ts'
import { headerKind } from '../../src/http/header-names.ts'

describe('a bounded map', () => {
  it('holds what was set, up to its limit', () => {
    const map = new Bounded<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    expect([map.size, map.get('a'), map.use('b'), map.get('c'), map.use('c')]).toEqual([2, 1, 2, undefined, undefined])
  })

  it('loses the one set longest ago, and does not count a get as use', () => {
    const map = new Bounded<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.get('a')
    map.set('c', 3)
    expect([map.size, map.get('a'), map.get('b'), map.get('c')]).toEqual([2, undefined, 2, 3])
  })

  it('keeps one that was used or set again', () => {
    const map = new Bounded<string, number>(3)
    for (const key of ['a', 'b', 'c']) map.set(key, 0)
    map.use('a')
    map.set('b', 1)
    map.set('d', 0)
    expect(['a', 'b', 'c', 'd'].map((key) => map.get(key))).toEqual([0, 1, undefined, 0])
  })

  it('makes room for nothing when a key that it has is set again', () => {
    const map = new Bounded<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.set('b', 3)
    expect([map.size, map.get('a'), map.get('b')]).toEqual([2, 1, 3])
    map.delete('a')
    map.delete('a')
    expect(map.size).toBe(1)
  })
})

describe('what is remembered of names that clients choose', () => {
  const HEAD = 30_000
  const latin = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

  it('does not keep the heads they came in, nor long ones at all', () => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, new CookieNames(['sid']))
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < 1_000; i += 1) {
      for (const { name } of parseCookieHeader(latin(`some_cookie_name_${i}=${'x'.repeat(HEAD)}`))) sorter.kind(name, true)
      sorter.kind(latin(`${'y'.repeat(HEAD)}${i}`), true)
      headerKind(latin(`${'z'.repeat(HEAD)}${i}`))
    }
    collect()
    // 90 MB, if all of it were kept.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(15_000_000)
  })
})
