/** What a store's runner hands to the suite, and the few words in which the suite's tests are written. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { Committed, Delta, Lease, Opened, SessionStore, StoredRecord, StoreKey } from '../../src/store/store.ts'

export interface StoreSubject {
  readonly store: SessionStore
  /** Another client on the same data, as another sidecar would have. */
  readonly second: SessionStore
  /** A client that the caller may close. */
  readonly another: () => SessionStore
  /** Makes `ms` pass for the store, as far as its data can tell, without waiting. */
  readonly advance: (ms: number) => Promise<void>
  /** 0: time stands still between calls of `advance`. Else it goes on by itself, by less than this within one test. */
  readonly slackMs: number
  /** Resolves when both clients do nothing any more but wait for the lease of that key. Absent: they do so at once. */
  readonly quiet?: (key: StoreKey) => Promise<void>
  readonly close: () => Promise<void>
}

export const IDLE = 600_000
export const LIFETIME = 3_600_000
export const MAX_BYTES = 4_000_000
export const LEASE = 120_000

export const newKey = (): StoreKey => randomBytes(32).toString('base64url') as StoreKey

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

export type Values = Record<string, string | Uint8Array>

function entriesOf(values: Values): Map<string, Uint8Array> {
  return new Map(Object.entries(values).map(([name, value]) => [name, typeof value === 'string' ? bytes(value) : value]))
}

export function create(values: Values, more: Partial<Delta> = {}): Delta {
  return { mode: 'create', set: entriesOf(values), remove: new Set(), idleMs: IDLE, lifetimeMs: LIFETIME, maxBytes: MAX_BYTES, ...more }
}

export function update(values: Values, more: Partial<Delta> = {}): Delta {
  return { mode: 'update', set: entriesOf(values), remove: new Set(), maxBytes: MAX_BYTES, ...more }
}

/** A record with these entries, under a new key. */
export async function given(store: SessionStore, values: Values, more: Partial<Delta> = {}): Promise<StoreKey> {
  const key = newKey()
  expect((await store.commit(key, create(values, more))).state).toBe('committed')
  return key
}

export async function stateOf(store: SessionStore, key: StoreKey): Promise<Opened['state']> {
  return (await store.open(key, {})).state
}

/** The record, which must be there. */
export async function read(store: SessionStore, key: StoreKey): Promise<StoredRecord> {
  const opened = await store.open(key, {})
  if (opened.state !== 'record') throw new Error(`expected a record, the store answered ${opened.state}`)
  return opened.record
}

/** The record's entries as texts, which must be there. */
export async function texts(store: SessionStore, key: StoreKey): Promise<Record<string, string>> {
  const { entries } = await read(store, key)
  return Object.fromEntries([...entries].map(([name, value]) => [name, new TextDecoder().decode(value)]))
}

export async function grant(store: SessionStore, key: StoreKey, holder: string, leaseMs = LEASE): Promise<Lease> {
  const opened = await store.open(key, { lock: { holder, leaseMs } })
  if (opened.state !== 'record' || opened.lease === undefined) throw new Error(`expected the lease, the store answered ${opened.state}`)
  return opened.lease
}

export function committed(answer: Committed): Extract<Committed, { state: 'committed' }> {
  if (answer.state !== 'committed') throw new Error(`expected a commit, the store answered ${answer.state}`)
  return answer
}
