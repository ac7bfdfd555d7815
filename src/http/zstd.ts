/** Whether a zstd body is whole (RFC 8878 3.1): Node 22 unfolds one that was cut short as far as it goes, and says nothing. */

const FRAME = 0xfd2fb528
const SKIPPABLE = 0x184d2a50
const DICTIONARY_ID_BYTES = [0, 1, 2, 4]
const CONTENT_SIZE_BYTES = [0, 2, 4, 8]
/** A block that repeats one byte says how often, and holds it once. */
const REPEATS = 1

export function isWholeZstd(body: Buffer): boolean {
  let at = 0
  while (at < body.length) {
    const end = endOfFrame(body, at)
    if (end === undefined || end > body.length) return false
    at = end
  }
  return at > 0
}

/** undefined: it is no frame, or cut short before that can be told. */
function endOfFrame(body: Buffer, start: number): number | undefined {
  if (start + 8 > body.length) return undefined
  const magic = body.readUInt32LE(start)
  if ((magic & 0xfffffff0) === SKIPPABLE) return start + 8 + body.readUInt32LE(start + 4)
  if (magic !== FRAME) return undefined
  const descriptor = body.readUInt8(start + 4)
  const single = (descriptor & 0x20) !== 0
  const sizeBytes = descriptor >> 6 === 0 && single ? 1 : (CONTENT_SIZE_BYTES[descriptor >> 6] ?? 0)
  let at = start + 5 + (single ? 0 : 1) + (DICTIONARY_ID_BYTES[descriptor & 3] ?? 0) + sizeBytes
  for (let last = false; !last;) {
    if (at + 3 > body.length) return undefined
    const header = body.readUIntLE(at, 3)
    last = (header & 1) !== 0
    at += 3 + (((header >> 1) & 3) === REPEATS ? 1 : header >> 3)
  }
  return at + ((descriptor & 4) === 0 ? 0 : 4)
}
