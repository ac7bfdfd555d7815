/** One entry as it is sealed: its expiry (8 bytes, big endian milliseconds since the epoch, 0 for none), then its value. */
import type { Entry } from '../carrier/carrier.ts'

export const ENTRY_OVERHEAD_BYTES = 8

export function encodeEntry(entry: Entry): Buffer {
  const bytes = Buffer.allocUnsafe(ENTRY_OVERHEAD_BYTES + entry.value.length)
  bytes.writeBigUInt64BE(BigInt(Math.max(0, Math.trunc(entry.expiresAt ?? 0))))
  bytes.set(entry.value, ENTRY_OVERHEAD_BYTES)
  return bytes
}

/** undefined: not an encoded entry. */
export function decodeEntry(bytes: Buffer): Entry | undefined {
  if (bytes.length < ENTRY_OVERHEAD_BYTES) return undefined
  // Dates end at 8.64e15, so the high half never reaches where a double would lose bits.
  const expiresAt = bytes.readUInt32BE(0) * 0x1_0000_0000 + bytes.readUInt32BE(4)
  return { value: bytes.subarray(ENTRY_OVERHEAD_BYTES), expiresAt: expiresAt === 0 ? undefined : expiresAt }
}
