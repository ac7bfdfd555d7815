import { describe, expect, it } from 'vitest'
import { parseListen, parseUpstream, reaches } from '../../../src/config/address.ts'
import { parseStore } from '../../../src/config/store-url.ts'
import { parseDuration, parseSize } from '../../../src/config/units.ts'

const tcp = (host: string, port: number) => ({ host, port })

describe('addresses', () => {
  it.each([
    ['0.0.0.0:8080', tcp('0.0.0.0', 8080)],
    [':80', tcp('0.0.0.0', 80)],
    ['localhost:0', tcp('localhost', 0)],
    ['[::1]:8080', tcp('::1', 8080)],
    ['unix:/run/unstick.sock', { unix: '/run/unstick.sock' }],
  ])('to listen on: %s', (text, value) => {
    expect(parseListen(text)).toEqual({ ok: true, value })
  })

  it.each([
    ['http://127.0.0.1:3000', tcp('127.0.0.1', 3000)],
    ['http://app/', tcp('app', 80)],
    ['http://[::1]:1', tcp('::1', 1)],
    ['https://app:8443', { ...tcp('app', 8443), tls: true }],
    ['https://app', { ...tcp('app', 443), tls: true }],
    ['unix:/run/app.sock', { unix: '/run/app.sock' }],
  ])('of an app: %s', (text, value) => {
    expect(parseUpstream(text)).toEqual({ ok: true, value })
  })

  it.each(['', ':', 'a', 'a:b', 'a:-1', '::1:80', '[::1]', '[1.2.3.4]:1', 'a b:1', '1.2.3:1', 'unix:', '-:99999', 'http://'])('not to listen on: %j', (text) => {
    expect(parseListen(text).ok).toBe(false)
  })

  it.each(['', 'http://', 'http://:1', 'ftp://h', 'http://h:0', 'http://a b', 'http://h?x', 'unix:x', 'http://h:1/..'])('not of an app: %j', (text) => {
    expect(parseUpstream(text).ok).toBe(false)
  })

  it('reach each other where the ports are the same and the hosts may be', () => {
    expect(reaches(tcp('127.0.0.1', 1), tcp('0.0.0.0', 1))).toBe(true)
    expect(reaches(tcp('localhost', 1), tcp('127.0.0.1', 1))).toBe(true)
    expect(reaches(tcp('::1', 1), tcp('::', 1))).toBe(true)
    expect(reaches({ unix: '/a' }, { unix: '/a' })).toBe(true)
    expect(reaches(tcp('127.0.0.1', 1), tcp('0.0.0.0', 2))).toBe(false)
    expect(reaches(tcp('10.0.0.7', 1), tcp('0.0.0.0', 1))).toBe(false)
    expect(reaches(tcp('127.0.0.1', 0), tcp('127.0.0.1', 0))).toBe(false)
    expect(reaches({ unix: '/a' }, tcp('a', 1))).toBe(false)
  })
})

describe('stores', () => {
  const redis = { kind: 'redis', mode: 'single', tls: false, nodes: [tcp('h', 6379)], db: 0 }

  it.each([
    ['memory:', { kind: 'memory' }],
    ['sqlite:./unstick.db', { kind: 'sqlite', path: './unstick.db' }],
    ['sqlite:/var/lib/a b.db', { kind: 'sqlite', path: '/var/lib/a b.db' }],
    ['redis://h', redis],
    ['redis://h:6380/3', { ...redis, nodes: [tcp('h', 6380)], db: 3 }],
    ['redis://[::1]:7', { ...redis, nodes: [tcp('::1', 7)] }],
    ['redis://user:p%40ss%2Fw:rd@h', { ...redis, username: 'user', password: 'p@ss/w:rd' }],
    ['redis://:a@b@h', undefined],
    ['redis://:secret@h', { ...redis, password: 'secret' }],
    ['rediss://h:1', { ...redis, tls: true, nodes: [tcp('h', 1)] }],
    ['redis+sentinel://a:1,b/0?name=mymaster', { ...redis, mode: 'sentinel', nodes: [tcp('a', 1), tcp('b', 26_379)], masterName: 'mymaster' }],
    ['rediss+sentinel://:pw@a:1/2?name=m', { ...redis, mode: 'sentinel', tls: true, nodes: [tcp('a', 1)], password: 'pw', db: 2, masterName: 'm' }],
    ['redis+cluster://a:1,b:2', { ...redis, mode: 'cluster', nodes: [tcp('a', 1), tcp('b', 2)] }],
    ['rediss+cluster://a', { ...redis, mode: 'cluster', tls: true, nodes: [tcp('a', 6379)] }],
  ])('%s', (text, value) => {
    // Without its quoting, an @ in a password is taken for its end only where it is the last: `:a@b@h` is password a@b.
    expect(parseStore(text)).toEqual({ ok: true, value: value ?? { ...redis, password: 'a@b' } })
  })

  it.each([
    '', 'memory:x', 'sqlite:', 'sqlite::memory:', 'redis:h', 'redis://', 'redis://h:0', 'redis://a,b', 'redis://h/x', 'redis://h?x=1', 'redis://%zz@h', 'redis+cluster://a/1',
    'redis+sentinel://a', 'redis+sentinel://a?name=', 'redis+sentinel://a?name=m&x=1', 'hazelcast://h:1/c', 'mysql://h', 'redis+cluster://a,,b', 'redis://h#x',
  ])('not %j', (text) => {
    expect(parseStore(text).ok).toBe(false)
  })

  it('never have any part of a bad one repeated', () => {
    for (const text of ['redis://:hunter2@h/x', 'hunter2://h', 'redis://hunter2:%zz@h', 'redis://:hunter2@h:99999', 'redis://h?hunter2=1']) expect(JSON.stringify(parseStore(text))).not.toContain('hunter2')
  })
})

describe('durations and sizes', () => {
  it.each([['250ms', 250], ['30s', 30_000], ['5m', 300_000], ['24h', 86_400_000], ['0s', 0]])('%s', (text, value) => {
    expect(parseDuration(text)).toEqual({ ok: true, value })
  })

  it.each([['1B', 1], ['64KB', 65_536], ['8MB', 8_388_608], ['1GB', 1_073_741_824]])('%s', (text, value) => {
    expect(parseSize(text)).toEqual({ ok: true, value })
  })

  it.each(['', 's', '-1s', '1.5h', '1 s', '1S', '1d', '5', '9999999999s', '1s '])('no duration: %j', (text) => {
    expect(parseDuration(text).ok).toBe(false)
  })

  it.each(['', 'KB', '-1B', '1.5MB', '1 MB', '1kb', '1TB', '64', '1K'])('no size: %j', (text) => {
    expect(parseSize(text).ok).toBe(false)
  })
})
