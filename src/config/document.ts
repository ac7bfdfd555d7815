/** A YAML file as plain values with the place of each, for messages that point at it. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, Scalar, type Document, type Node, type Pair, type YAMLError } from 'yaml'
import { expand, type Sources } from './expand.ts'
import { formatPath, type Path, type Problem } from './problem.ts'
import { isSecret } from './secret-keys.ts'
import { syntaxFlaws } from './syntax.ts'

/** All scalars are text: the schema, not YAML, knows which keys are numbers, so that a secret of digits stays as it is. */
export type Value = string | Value[] | { [key: string]: Value }

export interface Place {
  readonly line: number
  readonly col: number
}

export interface Source {
  readonly values: { [key: string]: Value }
  readonly problems: readonly Problem[]
  /** Where the value at `path` is, or the nearest thing around it. */
  readonly place: (path: Path) => Place
  /** Where the key itself is, for keys that should not be there. */
  readonly keyPlace: (path: Path) => Place
  /** Whether something was put in by `${…}` there. */
  readonly filled: (path: Path) => boolean
  /** Whether the value there is missing because of a problem that is reported already. */
  readonly flawed: (path: Path) => boolean
}

/** More than any sane configuration has: ends aliases that multiply or contain themselves. */
const MAX_NODES = 20_000
const MAX_DEPTH = 50

const OPTIONS = { schema: 'failsafe', prettyErrors: false, uniqueKeys: false, logLevel: 'silent' } as const

const keyOf = (path: Path): string => JSON.stringify(path)

/** `skip` names top-level keys that a flag replaces: nothing in them is looked at. Never throws. */
export function readDocument(file: string, text: string, sources: Sources, skip: ReadonlySet<string>): Source {
  const lines = new LineCounter()
  const masked = mask(text)
  const document = parseDocument(masked, { ...OPTIONS, lineCounter: lines })
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return line === 0 ? { line: 1, col: 1 } : { line, col }
  }
  const where = (place: Place): string => `${file}:${place.line}:${place.col}`
  const reader = new Reader(document, sources, skip, (offset, key, message) => ({ where: where(placeOf(offset)), key, message }))
  for (const { offset, message } of syntaxFlaws(masked, (part) => flawsOf(part === masked ? document : parseDocument(part, OPTIONS)))) reader.report(offset, 'syntax', message)
  // What comes out of a broken document is guesswork, and its problems would mislead.
  const values = document.errors.length === 0 ? reader.root() : {}
  const nearestPlace = (places: ReadonlyMap<string, number>, path: Path): Place => {
    for (let length = path.length; length > 0; length -= 1) {
      const offset = (length === path.length ? places : reader.values).get(keyOf(path.slice(0, length)))
      if (offset !== undefined) return placeOf(offset)
    }
    return { line: 1, col: 1 }
  }
  return {
    values,
    problems: reader.problems,
    place: (path) => nearestPlace(reader.values, path),
    keyPlace: (path) => nearestPlace(reader.keys, path),
    filled: (path) => reader.filled.has(keyOf(path)),
    flawed: (path) => reader.flawed.has(keyOf(path)),
  }
}

/** A tag, which means nothing here, is a warning to the parser. */
const flawsOf = ({ errors, warnings }: Document.Parsed): YAMLError[] => [...errors, ...warnings]

class Reader {
  readonly values = new Map<string, number>()
  readonly keys = new Map<string, number>()
  readonly filled = new Set<string>()
  readonly flawed = new Set<string>()
  readonly problems: Problem[] = []
  readonly #document: Document.Parsed
  readonly #sources: Sources
  readonly #skip: ReadonlySet<string>
  readonly #problem: (offset: number, key: string, message: string) => Problem
  #nodes = 0

  constructor(document: Document.Parsed, sources: Sources, skip: ReadonlySet<string>, problem: (offset: number, key: string, message: string) => Problem) {
    this.#document = document
    this.#sources = sources
    this.#skip = skip
    this.#problem = problem
  }

  report(offset: number, path: Path | 'syntax', message: string): void {
    // What is wrong with the file as a whole has no key of its own.
    this.problems.push(this.#problem(offset, path === 'syntax' || path.length === 0 ? 'syntax' : formatPath(path), message))
  }

  root(): { [key: string]: Value } {
    const { contents } = this.#document
    const value = this.#read(contents, [], 0)
    if (value === undefined) return {}
    if (typeof value === 'object' && !Array.isArray(value)) return value
    this.report(contents?.range?.[0] ?? 0, 'syntax', 'the file has to be a map of keys, such as `upstream: http://127.0.0.1:3000`')
    return {}
  }

  /** undefined: nothing was written there, so the default applies. */
  #read(node: unknown, path: Path, offset: number): Value | undefined {
    const from = hasRange(node) ? (node.range?.[0] ?? offset) : offset
    this.#nodes += 1
    if (this.#nodes > MAX_NODES || path.length > MAX_DEPTH) {
      if (this.#nodes !== Infinity) this.report(from, path, 'is nested too deeply or repeated too often')
      this.#nodes = Infinity
      return undefined
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#document)
      if (target === undefined) this.report(from, path, 'is an alias without an anchor of its name before it')
      return this.#read(target, path, from)
    }
    if (path.length > 0) this.values.set(keyOf(path), from)
    if (isMap(node)) return this.#map(node.items, path, from)
    if (isSeq(node)) return node.items.map((item, i) => this.#read(item, [...path, i], from) ?? '')
    if (isScalar(node)) return this.#scalar(node, path, from)
    return undefined
  }

  #map(items: readonly Pair[], path: Path, offset: number): { [key: string]: Value } {
    // Without a prototype, so that a key called __proto__ is a key like any other.
    const map = Object.create(null) as { [key: string]: Value }
    for (const { key, value } of items) {
      const at = hasRange(key) ? (key.range?.[0] ?? offset) : offset
      if (!isScalar(key) || typeof key.value !== 'string') {
        this.report(at, path, 'has a key that is not plain text')
        continue
      }
      const name = unmask(key.value)
      if (path.length === 0 && this.#skip.has(name)) continue
      const here = [...path, name]
      if (this.keys.has(keyOf(here))) {
        this.report(at, here, 'is there twice, and only one can count')
        continue
      }
      this.keys.set(keyOf(here), at)
      const read = this.#read(value, here, at)
      if (read !== undefined) map[name] = read
    }
    return map
  }

  #scalar(node: Scalar, path: Path, offset: number): string | undefined {
    const plain = node.type === Scalar.PLAIN
    const raw = typeof node.value === 'string' ? unmask(node.value) : ''
    if (plain && (raw === '' || raw === 'null' || raw === '~')) return undefined
    const { text, filled, flaws } = expand(raw, this.#sources, isSecret(path))
    for (const flaw of flaws) this.report(offset, path, flaw)
    if (flaws.length > 0) this.flawed.add(keyOf(path))
    if (filled) this.filled.add(keyOf(path))
    // A value that could not be filled in was reported. An unquoted one that came out empty was left unset on purpose.
    return flaws.length > 0 || (plain && filled && text === '') ? undefined : text
  }
}

function hasRange(node: unknown): node is Node {
  return isScalar(node) || isMap(node) || isSeq(node) || isAlias(node)
}

/**
 * `{`, `}`, `,` and `:` mean something to YAML, above all inside `[…]` and `{…}`, where `[${SECRET}]` would not parse. So the
 * characters of every `${…}` are hidden from the parser, one private-use character for each, which keeps all positions.
 */
function mask(text: string): string {
  const filled = text.replace(/\$\{[^{}\r\n]*\}/g, (all) => `$${hide(all.slice(1))}`)
  // `store: memory:` is how the key is documented, and YAML would take that for a map in a map.
  return filled.replace(/^([ \t]*store[ \t]*:[ \t]+memory)(:)(?=[ \t]*(?:[ \t]#.*)?\r?$)/gm, (_, before: string, colon: string) => before + hide(colon))
}

const hide = (text: string): string => text.replace(/[!-~ \t]/g, (c) => String.fromCharCode(0xe000 + c.charCodeAt(0)))

const unmask = (text: string): string => text.replace(/[\ue009\ue020-\ue07e]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xe000))
