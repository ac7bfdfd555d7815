/** What a client would like (RFC 9110 12.5.1), where it must be JSON. */

/** A media range that is JSON, by its type or its suffix, with plain parameters: a quoted one could hide another range. */
const JSON_RANGE = /^[\w.+-]+\/(?:[\w.+-]+\+)?json(?:[ \t]*;[ \t]*[\w.+-]+=[\w.+-]+)*$/i
const REFUSED = /;[ \t]*q=0(?:\.0*)?(?=[ \t]*(?:;|$))/i

/** Of an Accept header what asks for JSON. Where nothing does, that it is wanted first: an app that has another JSON to offer than plain still may. */
export function jsonAccepted(accept: string): string {
  const ranges = accept.split(',').map((range) => range.trim()).filter((range) => JSON_RANGE.test(range) && !REFUSED.test(range))
  return ranges.length > 0 ? ranges.join(', ') : 'application/json, */*;q=0.1'
}
