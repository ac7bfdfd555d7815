/** The Lua scripts of the Redis store, one per operation, each with what they share put before it. */
import { readFileSync } from 'node:fs'
import { TOMBSTONE_MS } from '../store.ts'

const OPERATIONS = ['open', 'commit', 'destroy', 'renew', 'release', 'lease', 'file', 'filed', 'unfile'] as const

export type Operation = (typeof OPERATIONS)[number]

const source = (name: string): string => readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8')

export function scripts(): { readonly operation: Operation; readonly lua: string }[] {
  const shared = `local TOMBSTONE_MS = ${TOMBSTONE_MS}\n${source('state')}`
  return OPERATIONS.map((operation) => ({ operation, lua: `${shared}\n${source(operation)}` }))
}
