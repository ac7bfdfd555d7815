/** A response with another body than the app gave it: what described the old bytes goes, or is made anew. */
import type { RawHeaders } from '../../http/message.ts'

/** RFC 9110 8.4, 14.3, 14.4; RFC 1864; RFC 3230; RFC 9530; RFC 9421. */
const OF_THE_BYTES = new Set(['content-encoding', 'accept-ranges', 'content-range', 'content-md5', 'digest', 'content-digest', 'repr-digest', 'signature', 'signature-input', 'trailer'])

/** A charset that the new body, in UTF-8, does not have. */
const OTHER_CHARSET = /(;\s*charset\s*=\s*)(?!"?utf-8"?\s*(?:[;,]|$))(?:"[^"]*"|[^\s;,"]*)/gi

/** The headers for a body of `length` bytes in UTF-8. An entity tag becomes weak (RFC 9110 8.8.1): it still tells versions apart, but not bytes. */
export function headersFor(headers: RawHeaders, length: number): RawHeaders {
  const kept: RawHeaders = []
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] ?? ''
    const value = headers[i + 1] ?? ''
    const lower = name.toLowerCase()
    if (lower === 'content-length' || OF_THE_BYTES.has(lower)) continue
    if (lower === 'etag' && value.startsWith('"')) kept.push(name, `W/${value}`)
    else kept.push(name, lower === 'content-type' ? value.replace(OTHER_CHARSET, '$1utf-8') : value)
  }
  return [...kept, 'Content-Length', String(length)]
}

/**
 * Shared caches do not keep what was asked for with Authorization unless they are told to (RFC 9111 3.5). The client sent none: the sidecar did. So
 * the answer says itself what that header would have.
 */
export function keepOutOfSharedCaches(headers: RawHeaders): void {
  const said = headers.filter((_, i, all) => i % 2 === 1 && all[i - 1]?.toLowerCase() === 'cache-control').join(',')
  if (!/(?:^|[\s,])(?:public|s-maxage|must-revalidate|private|no-store)(?:$|[\s,=])/i.test(said)) headers.push('Cache-Control', 'private')
}
