import { expect, it } from 'vitest'
import { decodeEntry, encodeEntry, ENTRY_OVERHEAD_BYTES } from '../../../src/session/entry.ts'

const value = Buffer.from('state')

it.each([undefined, 1, 1_700_000_000_000, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 8.64e15])('an entry that expires at %s reads the same', (expiresAt) => {
  const bytes = encodeEntry({ value, expiresAt })
  expect(bytes.length).toBe(value.length + ENTRY_OVERHEAD_BYTES)
  expect(decodeEntry(bytes)).toEqual({ value, expiresAt })
})

it('an entry that expired before the epoch, or with a fraction, has a whole time', () => {
  expect(decodeEntry(encodeEntry({ value, expiresAt: 1.75 }))?.expiresAt).toBe(1)
  expect(decodeEntry(encodeEntry({ value, expiresAt: -5 }))?.expiresAt).toBeUndefined()
})

it('fewer bytes than a time are no entry', () => {
  for (let length = 0; length < ENTRY_OVERHEAD_BYTES; length += 1) expect(decodeEntry(Buffer.alloc(length))).toBeUndefined()
  expect(decodeEntry(Buffer.alloc(ENTRY_OVERHEAD_BYTES))).toEqual({ value: Buffer.alloc(0), expiresAt: undefined })
})
