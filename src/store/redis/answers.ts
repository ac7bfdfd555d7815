/** From what the scripts answer to what the contract calls it. The numbers are those of state.lua. */
import { UnstickError } from '../../errors.ts'
import type { Committed, EntryName, Lease, Opened, RecordHead, StoreKey } from '../store.ts'

const ABSENT = 0
const DESTROYED = 1
const MOVED = 2
const BUSY = 3
const UNCHANGED = 4
const RECORD = 5
const COMMITTED = 6
const CONFLICT = 7
const GONE = 8
const FENCED = 9
const TOO_LARGE = 10
const ENDED = 11

/** `holder`: who asked for the lease, if anybody. */
export function openedOf(answer: unknown, holder: string): Opened {
  const items = listOf(answer)
  switch (items[0]) {
    case ABSENT: return { state: 'absent' }
    case DESTROYED: return { state: 'destroyed' }
    case MOVED: return { state: 'moved', successor: bytesAt(items, 1) }
    case BUSY: return { state: 'busy', leaseMs: numberAt(items, 1) }
    case UNCHANGED: return { state: 'unchanged', head: headOf(items), ...leaseOf(items, holder) }
    case RECORD: return { state: 'record', record: { ...headOf(items), entries: entriesOf(items), ...labelOf(items) }, ...leaseOf(items, holder) }
    default: throw notUnderstood()
  }
}

export function committedOf(answer: unknown, holder: string): Committed {
  const items = listOf(answer)
  switch (items[0]) {
    case COMMITTED: return { state: 'committed', head: headOf(items), ...leaseOf(items, holder) }
    case ENDED: return { state: 'ended' }
    case CONFLICT: return { state: 'conflict' }
    case GONE: return { state: 'gone' }
    case FENCED: return { state: 'fenced' }
    case TOO_LARGE: return { state: 'too_large' }
    case MOVED: return { state: 'moved', successor: bytesAt(items, 1) }
    default: throw notUnderstood()
  }
}

export function truthOf(answer: unknown): boolean {
  if (answer !== 0 && answer !== 1) throw notUnderstood()
  return answer === 1
}

export function keysOf(answer: unknown): StoreKey[] {
  return listOf(answer).map((item) => {
    if (!Buffer.isBuffer(item)) throw notUnderstood()
    return item.toString('latin1') as StoreKey
  })
}

function headOf(items: readonly unknown[]): RecordHead {
  return {
    version: numberAt(items, 2),
    createdAt: numberAt(items, 3),
    endsAt: numberAt(items, 4),
    expiresAt: numberAt(items, 5),
    keepUntil: numberAt(items, 6),
    now: numberAt(items, 1),
  }
}

function leaseOf(items: readonly unknown[], holder: string): { lease?: Lease } {
  const fence = numberAt(items, 7)
  return fence === 0 ? {} : { lease: { holder, fence } }
}

/** Behind the fence: whether there is a label, and the label. */
function labelOf(items: readonly unknown[]): { label?: Uint8Array } {
  return numberAt(items, 8) === 0 ? {} : { label: bytesAt(items, 9) }
}

function entriesOf(items: readonly unknown[]): Map<EntryName, Uint8Array> {
  const entries = new Map<EntryName, Uint8Array>()
  for (let i = 10; i < items.length; i += 2) {
    const name = items[i]
    if (!Buffer.isBuffer(name)) throw notUnderstood()
    entries.set(name.toString('utf8'), bytesAt(items, i + 1))
  }
  return entries
}

function listOf(answer: unknown): readonly unknown[] {
  if (!Array.isArray(answer)) throw notUnderstood()
  return answer
}

function numberAt(items: readonly unknown[], index: number): number {
  const item = items[index]
  if (typeof item !== 'number') throw notUnderstood()
  return item
}

/** A copy of its own: the library's is a view into what came over the connection. */
function bytesAt(items: readonly unknown[], index: number): Uint8Array {
  const item = items[index]
  if (!Buffer.isBuffer(item)) throw notUnderstood()
  return new Uint8Array(item)
}

function notUnderstood(): UnstickError {
  return new UnstickError('store_unavailable', 'Redis answered a session script with something else than the script answers. Check that nothing between here and Redis changes its answers.')
}
