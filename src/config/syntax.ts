/** What is wrong with a file that is not YAML, in our own words: the parser's may quote the text, and the text may be a secret. */
import type { YAMLError } from 'yaml'

export interface SyntaxFlaw {
  readonly offset: number
  readonly message: string
}

/** Broken keys that are told of at a time. Each costs one more pass over the file. */
const MOST_FLAWS = 20

/**
 * The first flaw of each top-level key: what a parser makes of the rest of a broken one is guesswork. `parse` reads a text and answers what is wrong
 * with it; `text` is given to it again and again, blank up to the next key that has not been looked at, so that every place stays where it is.
 */
export function syntaxFlaws(text: string, parse: (text: string) => readonly YAMLError[]): SyntaxFlaw[] {
  const flaws: SyntaxFlaw[] = []
  let rest = text
  let from = 0
  while (flaws.length < MOST_FLAWS) {
    const errors = parse(rest).toSorted((a, b) => a.pos[0] - b.pos[0])
    const [first] = errors
    if (first === undefined) break
    const offset = first.pos[0]
    flaws.push({ offset, message: messageOf(first, errors, text) })
    const next = nextKey(text, Math.max(from, offset))
    if (next === undefined) break
    from = next
    rest = text.slice(0, from).replace(/[^\r\n]/g, ' ') + text.slice(from)
  }
  return flaws
}

/** Where the next line behind `offset` begins that starts with a key: whatever was open before it, nobody meant it to go on there. */
function nextKey(text: string, offset: number): number | undefined {
  const key = /^[A-Za-z_][\w-]*[ \t]*:(?=\s|$)/gm
  key.lastIndex = offset + 1
  return key.exec(text)?.index
}

function messageOf({ code, pos: [offset] }: YAMLError, errors: readonly YAMLError[], text: string): string {
  if (text.startsWith('${', offset - 1)) return 'has a ${ without its } (write $${ for a plain ${)'
  if (code === 'UNEXPECTED_TOKEN') return brace(text, offset) ?? SYNTAX.UNEXPECTED_TOKEN ?? ''
  const overLines = errors.some((other) => other.code === 'MULTILINE_IMPLICIT_KEY' && other.pos[0] === offset)
  if (code === 'BLOCK_AS_IMPLICIT_KEY' && overLines) return 'the next line is indented under a key that has a value already (indent it as that key is)'
  return SYNTAX[code] ?? `is not valid YAML here (${code})`
}

/** What to say where a `{` or `}` that was meant as text has been taken for the begin or the end of a map. */
function brace(text: string, offset: number): string | undefined {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset)
  const withinText = text[offset] === '{' && /[^\s[{,:]$/.test(line)
  const behindText = text[offset] === '}' || (/\}[ \t]*$/.test(line) && /[^\s[\]{},:]/.test(text[offset] ?? ' '))
  return withinText || behindText ? 'text with { or } in it needs quotes, as in "/s/sess_{id}"' : undefined
}

const SYNTAX: Record<string, string> = {
  BAD_ALIAS: 'an alias without an anchor of its name before it',
  BAD_DQ_ESCAPE: 'an escape that YAML does not know inside "…" (write \\\\ for a backslash)',
  BAD_INDENT: 'the indentation does not fit what is around it',
  BAD_SCALAR_START: 'text cannot start with this character (put it in quotes)',
  BLOCK_AS_IMPLICIT_KEY: 'a second `key:` on the same line (put text with a colon in quotes)',
  BLOCK_IN_FLOW: 'an indented block cannot stand inside […] or {…}',
  MISSING_CHAR: 'something is missing before here: a quote, a bracket, a comma, or a colon and a space after a key',
  MULTILINE_IMPLICIT_KEY: 'a key goes over several lines: a colon is missing, or a quote',
  MULTIPLE_DOCS: 'the file has a second document (---), and only one can count',
  TAB_AS_INDENT: 'a tab cannot indent (use spaces)',
  TAG_RESOLVE_FAILED: 'tags (!…) are not used here',
  UNEXPECTED_TOKEN: 'this does not belong here (text with special characters needs quotes)',
  RESOURCE_EXHAUSTION: 'is nested too deeply',
}
