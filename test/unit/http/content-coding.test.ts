import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeBody, readableEncodings } from '../../../src/http/content-coding.ts'

const TEXT = Buffer.from('{"access_token":"secret"}')

describe('a coded body', () => {
  it.each<[string | undefined, Buffer]>([
    [undefined, TEXT], ['', TEXT], ['identity', TEXT], ['gzip', gzipSync(TEXT)], ['x-gzip', gzipSync(TEXT)], ['GZIP', gzipSync(TEXT)], ['br', brotliCompressSync(TEXT)], ['zstd', zstdCompressSync(TEXT)],
    ['deflate', deflateSync(TEXT)], ['deflate', deflateRawSync(TEXT)], ['deflate, gzip', gzipSync(deflateSync(TEXT))], ['identity, br', brotliCompressSync(TEXT)],
  ])('in %s is read', async (coding, body) => {
    expect(await decodeBody(body, coding, 1_000)).toEqual({ state: 'decoded', body: TEXT })
  })

  it.each([['gzip', gzipSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync], ['deflate', deflateSync], ['deflate', deflateRawSync]] as const)('in %s is not unfolded beyond what was asked for', async (coding, encode) => {
    const bomb = encode(Buffer.alloc(50_000_000))
    expect(await decodeBody(bomb, coding, 1_000_000)).toEqual({ state: 'too_large' })
    expect(await decodeBody(encode(TEXT), coding, TEXT.length)).toMatchObject({ state: 'decoded' })
    expect(await decodeBody(encode(TEXT), coding, TEXT.length - 1)).toEqual({ state: 'too_large' })
  })

  it('folded twice is bounded at each step', async () => {
    expect(await decodeBody(gzipSync(gzipSync(Buffer.alloc(50_000_000))), 'gzip, gzip', 100_000)).toEqual({ state: 'too_large' })
    expect(await decodeBody(TEXT, 'gzip, gzip, gzip', 1_000)).toEqual({ state: 'unknown' })
  })

  it('is bounded without a coding, too', async () => {
    expect(await decodeBody(TEXT, undefined, 3)).toEqual({ state: 'too_large' })
  })

  it.each(['gzip', 'br', 'zstd', 'deflate'])('that is not %s is malformed', async (coding) => {
    expect(await decodeBody(TEXT, coding, 1_000)).toEqual({ state: 'malformed' })
  })

  it.each([['gzip', gzipSync], ['br', brotliCompressSync], ['zstd', zstdCompressSync], ['deflate', deflateSync]] as const)('in %s that was cut short is malformed', async (coding, encode) => {
    expect(await decodeBody(encode(TEXT).subarray(0, -6), coding, 1_000)).toEqual({ state: 'malformed' })
  })

  it.each(['compress', 'dcb', 'aes128gcm', 'toString'])('in %s is not read here', async (coding) => {
    expect(await decodeBody(TEXT, coding, 1_000)).toEqual({ state: 'unknown' })
  })
})

it.each([
  ['gzip, deflate, br, zstd', 'gzip, deflate, br, zstd'], ['gzip;q=0.5, dcb, dcz,br ;q=1', 'gzip;q=0.5, br ;q=1'], ['compress', ''], ['*', ''], ['identity;q=0', 'identity;q=0'], ['', ''],
])('an app that is told %j is told %j', (accepted, readable) => {
  expect(readableEncodings(accepted)).toBe(readable)
})
