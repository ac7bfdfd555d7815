/** Random calls of a store, and running them on a store and on the model side by side. */
import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { Committed, Delta, Lease, OpenOptions, Opened, SessionStore, StoreKey } from '../../src/store/store.ts'
import { StoreModel } from './store-model.ts'

/** All durations are multiples of it, so that a store whose clock goes on by less than it agrees with a model whose clock stands. */
const UNIT = 20_000

/** Leases are named by which of those granted so far they are; a number beyond them is one that nobody was granted. */
export type Operation =
  | { readonly do: 'open'; readonly key: number; readonly options: OpenOptions }
  | { readonly do: 'commit'; readonly key: number; readonly delta: Delta; readonly lease: number | undefined }
  | { readonly do: 'destroy'; readonly key: number; readonly ms: number }
  | { readonly do: 'renew' | 'release'; readonly key: number; readonly lease: number; readonly ms: number }
  | { readonly do: 'advance'; readonly ms: number }

const durations = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max }).map((n) => n * UNIT)
const key = fc.nat({ max: 1 })
const name = fc.constantFrom('a', 'b', 'e:a', '')
const holder = fc.constantFrom('p', 'q')
const lock = fc.record({ holder, leaseMs: durations(1, 4) })
const lease = fc.nat({ max: 4 })
const set = fc.dictionary(name, fc.uint8Array({ maxLength: 4 }), { maxKeys: 3, noNullPrototype: true }).map((values) => new Map(Object.entries(values)))
const remove = fc.uniqueArray(name, { maxLength: 2 }).map((names) => new Set(names))
const maxBytes = fc.constantFrom(4, 8, 1000)
/** Never empty: it is sealed. On Node 22 an empty one comes back from SQLite as none. */
const label = fc.option(fc.uint8Array({ minLength: 1, maxLength: 4 }), { nil: undefined })

/** Without the keys that are undefined, which the contract's types do not allow. */
function present<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as { [K in keyof T]: Exclude<T[K], undefined> }
}
const maybe = <T>(some: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(some, { nil: undefined })

const options: fc.Arbitrary<OpenOptions> = fc.record({
  known: maybe(fc.integer({ min: 1, max: 4 })),
  touch: maybe(fc.record({ idleMs: durations(1, 8), intervalMs: durations(0, 3) })),
  lock: maybe(lock),
}).map(present)

const creating: fc.Arbitrary<Delta> = fc.record({
  mode: fc.constant('create' as const), set, remove, maxBytes, label,
  idleMs: maybe(durations(1, 8)), lifetimeMs: durations(2, 20), keepMs: maybe(durations(0, 10)), lock: maybe(lock),
}).map(present)

const updating: fc.Arbitrary<Delta> = fc.record({
  mode: fc.constant('update' as const), set, remove, maxBytes, label,
  idleMs: maybe(durations(1, 8)), keepMs: maybe(durations(0, 10)), ifVersion: maybe(fc.integer({ min: 1, max: 4 })), release: maybe(fc.boolean()),
  endIfEmptyMs: maybe(durations(1, 4)),
}).map(present)

const moving: fc.Arbitrary<Delta> = fc.record({
  mode: fc.constant('update' as const), set: fc.constant(new Map<string, Uint8Array>()), remove, maxBytes,
  move: fc.record({ successor: fc.uint8Array({ maxLength: 4 }), graceMs: durations(1, 4) }), release: maybe(fc.boolean()),
}).map(present)

const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('open' as const), key, options }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('commit' as const), key, delta: creating, lease: fc.constant(undefined) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('commit' as const), key, delta: updating, lease: maybe(lease) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('commit' as const), key, delta: moving, lease: maybe(lease) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('destroy' as const), key, ms: durations(1, 4) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('renew' as const, 'release' as const), key, lease, ms: durations(1, 4) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('advance' as const), ms: durations(1, 4) }) },
)

export const operations: fc.Arbitrary<Operation[]> = fc.array(operation, { minLength: 1, maxLength: 40, size: 'max' })

export interface Side {
  readonly store: SessionStore
  readonly advance: (ms: number) => Promise<void>
}

/** Fails at the first answer of the store that the model does not give. */
export async function agree({ store, advance }: Side, keys: readonly StoreKey[], steps: readonly Operation[]): Promise<void> {
  const model = new StoreModel()
  const granted: Lease[] = []
  const leaseAt = (index: number): Lease => granted[granted.length - 1 - index] ?? { holder: 'p', fence: 7 }
  for (const [at, step] of steps.entries()) {
    if (step.do === 'advance') {
      model.now += step.ms
      await advance(step.ms)
      continue
    }
    const key = keys[step.key]
    if (key === undefined) throw new Error(`no key ${step.key}`)
    const [answer, expected] = await both(step, key)
    expect(relative(answer), `step ${at}: ${step.do}`).toEqual(relative(expected))
    if (typeof expected === 'object' && 'lease' in expected && expected.lease !== undefined) granted.push(expected.lease)
  }

  async function both(step: Exclude<Operation, { do: 'advance' }>, key: StoreKey): Promise<[Answer, Answer]> {
    switch (step.do) {
      case 'open': return [await store.open(key, step.options), model.open(key, step.options)]
      case 'commit': {
        const delta = step.lease === undefined ? step.delta : { ...step.delta, lease: leaseAt(step.lease) }
        return [await store.commit(key, delta), model.commit(key, delta)]
      }
      case 'destroy': return [await store.destroy(key, step.ms), model.destroy(key, step.ms)]
      case 'renew': return [await store.renew(key, leaseAt(step.lease), step.ms), model.renew(key, leaseAt(step.lease), step.ms)]
      case 'release': return [await store.release(key, leaseAt(step.lease)), model.release(key, leaseAt(step.lease))]
    }
  }
}

type Answer = Opened | Committed | boolean | void

/** Times as units from now, since stores and model count from different times. (+ 0 turns -0 into 0.) */
function relative(answer: Answer): unknown {
  if (typeof answer !== 'object') return answer
  const head = 'head' in answer ? answer.head : 'record' in answer ? answer.record : undefined
  const units = (time: number): number | undefined => (head === undefined || time === 0 ? undefined : Math.ceil((time - head.now) / UNIT) + 0)
  return {
    state: answer.state,
    version: head?.version,
    age: head === undefined ? undefined : units(head.createdAt),
    expires: head === undefined ? undefined : units(head.expiresAt),
    ends: head === undefined ? undefined : units(head.endsAt),
    keep: head === undefined ? undefined : units(head.keepUntil),
    entries: 'record' in answer ? new Map([...answer.record.entries].map(([name, value]) => [name, [...value]])) : undefined,
    label: 'record' in answer && answer.record.label !== undefined ? [...answer.record.label] : undefined,
    lease: 'lease' in answer ? answer.lease : undefined,
    successor: 'successor' in answer ? [...answer.successor] : undefined,
    busyUnits: 'leaseMs' in answer ? Math.ceil(answer.leaseMs / UNIT) : undefined,
  }
}
