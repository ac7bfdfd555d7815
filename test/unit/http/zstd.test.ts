import { randomBytes } from 'node:crypto'
import { constants, zstdCompressSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { isWholeZstd } from '../../../src/http/zstd.ts'

const CHECKSUM = { params: { [constants.ZSTD_c_checksumFlag]: 1 } }

describe('a zstd body', () => {
  it.each([
    ['nothing', zstdCompressSync(Buffer.alloc(0))], ['text', zstdCompressSync('{"a": "text"}')], ['one byte, often', zstdCompressSync(Buffer.alloc(5_000, 'a'))],
    ['a checksum', zstdCompressSync('text', CHECKSUM)], ['many blocks', zstdCompressSync(randomBytes(300_000))],
    ['two frames', Buffer.concat([zstdCompressSync('a'), zstdCompressSync('b', CHECKSUM)])],
  ])('of %s is whole, and no beginning of it is', (what, body) => {
    expect(isWholeZstd(body)).toBe(true)
    const first = zstdCompressSync('a').length
    const step = Math.max(1, Math.floor(body.length / 500))
    for (let end = 0; end < body.length; end += step) expect([end, isWholeZstd(body.subarray(0, end))]).toEqual([end, what === 'two frames' && end === first])
    expect(isWholeZstd(body.subarray(0, body.length - 1))).toBe(false)
  })

  it('of anything else is none', () => {
    for (const body of [Buffer.alloc(0), Buffer.from('{"a": 1} and so on'), randomBytes(100)]) expect(isWholeZstd(body)).toBe(false)
  })
})
