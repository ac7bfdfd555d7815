/**
 * Fields of a form, or of a query, for those who must not be told another value than the app is: a name that some app might read in two
 * ways, or from two places, has no value at all.
 */
import { CookieNames } from './cookie-names.ts'

/** As PHP and Django have it by default. Judging names takes time. */
const MOST_FIELDS = 1_000
const LONGEST_DISPOSITION = 1_000

export interface Fields {
  /** The one value of the field; undefined: it is not there, or not just once, or beside one that some app takes for it. */
  valueOf(name: string): string | undefined
  /** Whether some app might find the field here. */
  mayHave(name: string): boolean
}

/** `text` in Latin-1, as it came: `a=1&b=2`. Bytes are read as UTF-8. */
export function urlencodedFields(text: string): Fields {
  // Older servers separate by `;` too.
  const loosely = text.split(/[&;]/, MOST_FIELDS + 1)
  if (loosely.length > MOST_FIELDS) return TOO_MANY
  const pairs = (list: readonly string[]): [string, string][] => list.filter((pair) => pair !== '').map(pairOf)
  return fieldsOf(pairs(text.split('&')), text.includes(';') ? pairs(loosely) : undefined)
}

function pairOf(pair: string): [string, string] {
  const equals = pair.indexOf('=')
  return equals === -1 ? [decoded(pair), ''] : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))]
}

/** Nobody looks at all of them. Some app may. */
const TOO_MANY: Fields = { valueOf: () => undefined, mayHave: () => true }

/** undefined: it is no such form, or one that can be read in two ways. */
export async function multipartFields(body: Buffer, contentType: string): Promise<Fields | undefined> {
  const dispositions = dispositionsIn(body.toString('latin1'))
  if (dispositions === undefined) return undefined
  try {
    const form = await new Response(Uint8Array.from(body), { headers: { 'Content-Type': contentType } }).formData()
    const pairs: [string, string | undefined][] = []
    form.forEach((value, name) => { pairs.push([name, typeof value === 'string' ? value : undefined]) })
    // A part that the parser did not see, and an app's may.
    return pairs.length === dispositions ? fieldsOf(pairs) : undefined
  } catch {
    // Malformed: whatever the app makes of it, nothing is learned from it.
    return undefined
  }
}

/** How many parts say what they are called; undefined: too many, or one says so twice, or at such a length that nobody should have to read it. */
function dispositionsIn(text: string): number | undefined {
  let count = 0
  for (const line of text.split(/[\r\n]+/)) {
    const here = line.match(/content-disposition/gi)?.length ?? 0
    if (here > 1 || (here === 1 && (line.length > LONGEST_DISPOSITION || (line.match(/[;\s]name\s*\*?=/gi)?.length ?? 0) > 1))) return undefined
    count += here
  }
  return count > MOST_FIELDS ? undefined : count
}

/** `alike`: the names as another reading has them. */
export function fieldsOf(pairs: readonly (readonly [string, string | undefined])[], alike: readonly (readonly [string, unknown])[] = pairs): Fields {
  if (alike.length > MOST_FIELDS) return TOO_MANY
  const count = (name: string): number => {
    const names = new CookieNames([plain(name)])
    return alike.filter(([other]) => other === name || names.mayPassFor(plain(other))).length
  }
  return {
    valueOf: (name) => (count(name) === 1 ? pairs.find(([other]) => other === name)?.[1] : undefined),
    mayHave: (name) => count(name) > 0,
  }
}

/** A name, where `CookieNames` would see a pattern. */
const plain = (name: string): string => name.replace(/[*?]/g, '_')

/** As the WHATWG's parser has it: `+` is a space, `%` without two digits stays, what is no UTF-8 becomes U+FFFD. */
function decoded(text: string): string {
  const plain = text.replaceAll('+', ' ').replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(plain, 'latin1').toString('utf8')
}
