/** The schema as JSON Schema, and as a flat list of keys. */
import { z } from 'zod'
import { schema } from './schema.ts'

export interface KeyDoc {
  /** Such as `carriers.files[].path`. */
  readonly key: string
  readonly type: string
  /** As it would stand in YAML; undefined: none. */
  readonly fallback: string | undefined
  readonly required: boolean
  readonly description: string
}

interface Node {
  readonly [key: string]: unknown
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, Node>>
  readonly required?: readonly string[]
  readonly items?: Node
}

/** For editors: of what a user may write, so before `${…}` is filled in. */
export function jsonSchema(): Node {
  const made = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', override: ({ jsonSchema: node }) => nativeDefault(node) })
  return { ...made, title: 'unstick configuration', description: 'See docs/configuration.md.' } as Node
}

/** Values are read as text, so defaults are text: editors are told `256`, not `"256"`. */
function nativeDefault(node: { type?: unknown; default?: unknown }): void {
  const types: unknown[] = Array.isArray(node.type) ? node.type : []
  if (typeof node.default !== 'string') return
  if (types.includes('integer')) node.default = Number(node.default)
  else if (types.includes('boolean') && node.default !== 'auto') node.default = node.default === 'true'
}

export function keyDocs(): KeyDoc[] {
  const docs: KeyDoc[] = []
  const visit = (node: Node, prefix: string): void => {
    for (const [name, child] of Object.entries(node.properties ?? {})) {
      const key = prefix === '' ? name : `${prefix}.${name}`
      const isMap = child.properties !== undefined
      docs.push({
        key,
        type: child.title ?? '',
        fallback: isMap || child.default === undefined ? undefined : JSON.stringify(child.default).replaceAll('","', '", "'),
        required: node.required?.includes(name) === true,
        description: child.description ?? '',
      })
      visit(child, key)
      if (child.items !== undefined) visit(child.items, `${key}[]`)
    }
  }
  visit(jsonSchema(), '')
  return docs
}

/** The names of the keys that a map at `prefix` may have; `''` is the whole file. */
export function keysAt(docs: readonly KeyDoc[], prefix: string): string[] {
  const start = prefix === '' ? '' : `${prefix}.`
  return docs.flatMap(({ key }) => (key.startsWith(start) && !key.slice(start.length).includes('.') ? [key.slice(start.length)] : []))
}
