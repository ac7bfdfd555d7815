/** Bodies without their codings (RFC 9110 8.4), and never more of one than was asked for: a small body can be made to unfold without end. */
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, inflateRaw, type InputType, zstdDecompress } from 'node:zlib'
import { isWholeZstd } from './zstd.ts'

type Decoder = (body: InputType, options: { maxOutputLength: number }) => Promise<Buffer>

const DECODERS: ReadonlyMap<string, Decoder> = new Map<string, Decoder>([
  ['gzip', promisify(gunzip)], ['x-gzip', promisify(gunzip)], ['br', promisify(brotliDecompress)], ['zstd', unfoldZstd],
  ['deflate', inflateEither],
])

/** More than one is rare, and each unfolds what the one before it did. */
const MOST_CODINGS = 2

export type Decoded = { readonly state: 'decoded'; readonly body: Buffer } | { readonly state: 'too_large' | 'malformed' | 'unknown' }

/** `codings`: the Content-Encoding header, if any. `maxBytes` bounds what comes out. */
export async function decodeBody(body: Buffer, codings: string | undefined, maxBytes: number): Promise<Decoded> {
  const list = (codings ?? '').split(',').map((coding) => coding.trim().toLowerCase()).filter((coding) => coding !== '' && coding !== 'identity')
  if (list.length > MOST_CODINGS) return { state: 'unknown' }
  let bytes = body
  // Applied in the order in which they are listed.
  for (const coding of list.toReversed()) {
    const decode = DECODERS.get(coding)
    if (decode === undefined) return { state: 'unknown' }
    try {
      bytes = await decode(bytes, { maxOutputLength: maxBytes })
    } catch (error) {
      return { state: error instanceof RangeError ? 'too_large' : 'malformed' }
    }
  }
  return bytes.length > maxBytes ? { state: 'too_large' } : { state: 'decoded', body: bytes }
}

async function unfoldZstd(body: InputType, options: { maxOutputLength: number }): Promise<Buffer> {
  if (!Buffer.isBuffer(body) || !isWholeZstd(body)) throw new Error('the body is not zstd, or was cut short')
  return promisify(zstdDecompress)(body, options)
}

/** "deflate" is zlib's format (RFC 9110 8.4.1.2), but some servers send bare deflate under that name. */
async function inflateEither(body: InputType, options: { maxOutputLength: number }): Promise<Buffer> {
  const first = Buffer.isBuffer(body) ? (body[0] ?? 0) : 0
  return (first & 0x0f) === 8 ? promisify(inflate)(body, options) : promisify(inflateRaw)(body, options)
}

/** What of an Accept-Encoding can be read here, so that an app does not choose anything else. */
export function readableEncodings(accepted: string): string {
  return accepted.split(',').map((part) => part.trim()).filter((part) => {
    const coding = (part.split(';', 1)[0] ?? '').trim().toLowerCase()
    return coding === 'identity' || DECODERS.has(coding)
  }).join(', ')
}
