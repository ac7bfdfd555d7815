import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { Bounded } from '../../src/bounded.ts'
import { CookieNames, cookieSorter } from '../../src/http/cookie-names.ts'
import { parseCookieHeader } from '../../src/http/cookies.ts'
import { headerKind } from '../../src/http/header-names.ts'

describe('a bounded map', () => {
  it('holds what was set', () => {
    const map = new Bounded<string, number>(10)
    map.set('a', 1)
    map.set('b', 2)
    map.set('b', 3)
    expect([map.size, map.get('a'), map.get('b'), map.get('c')]).toEqual([2, 1, 3, undefined])
    map.delete('a')
    map.delete('a')
    expect([map.size, map.get('a')]).toEqual([1, undefined])
  })

  it('never holds more than its limit, and holds the latest half of it for sure', () => {
    const map = new Bounded<number, number>(100)
    for (let i = 0; i < 1_000; i += 1) {
      map.set(i, i)
      expect(map.size).toBeLessThanOrEqual(100)
    }
    expect(map.get(899)).toBeUndefined()
    for (let i = 950; i < 1_000; i += 1) expect(map.get(i)).toBe(i)
  })

  it('keeps what is in use, however much else comes and goes', () => {
    const map = new Bounded<string, number>(10)
    map.set('used', 1)
    for (let i = 0; i < 1_000; i += 1) {
      map.set(`other ${i}`, i)
      expect(map.get('used')).toBe(1)
    }
  })

  it('forgets in both generations', () => {
    const map = new Bounded<string, number>(4)
    for (const key of ['a', 'b', 'c']) map.set(key, 0)
    map.set('a', 1)
    map.delete('a')
    expect(map.get('a')).toBeUndefined()
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
