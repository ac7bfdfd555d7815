/** Checks and copies of what callers hand to a store: mistakes in the calling code are TypeErrors, never answers. */
import type { Delta, OpenOptions } from './store.ts'

export function checkDelta(delta: Delta): void {
  if (delta.mode === 'create') {
    if (delta.idleMs === undefined && delta.lifetimeMs === undefined) {
      throw new TypeError('A delta that creates a record needs idleMs or lifetimeMs: a record must end some day.')
    }
    if (delta.move !== undefined) throw new TypeError('A delta that creates a record cannot move it.')
    if (delta.endIfEmptyMs !== undefined) throw new TypeError('A delta that creates a record cannot end it.')
    if (delta.lock !== undefined) checkHolder(delta.lock.holder)
  } else if (delta.lock !== undefined) {
    throw new TypeError('Only a delta that creates a record may ask for its lease.')
  }
  if (delta.move !== undefined && delta.endIfEmptyMs !== undefined) throw new TypeError('A delta moves a record or ends it, not both.')
  if (delta.move !== undefined && delta.set.size > 0) throw new TypeError('A delta that moves a record may set no entries.')
}

export function checkOpen(options: OpenOptions): void {
  if (options.lock !== undefined) checkHolder(options.lock.holder)
}

/** The stores use an empty holder for "nobody". */
function checkHolder(holder: string): void {
  if (holder === '') throw new TypeError('A lock needs a holder that is not empty.')
}

/** A copy that the caller cannot change any more. */
export function copyDelta(delta: Delta): Delta {
  const set = new Map<string, Uint8Array>()
  for (const [name, value] of delta.set) set.set(name, value.slice())
  const copy: Delta = { ...delta, set, remove: new Set(delta.remove), ...(delta.label === undefined ? {} : { label: delta.label.slice() }) }
  return delta.move === undefined ? copy : { ...copy, move: { ...delta.move, successor: delta.move.successor.slice() } }
}
