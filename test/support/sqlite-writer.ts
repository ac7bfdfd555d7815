/**
 * A process that writes to a SQLite store until it has done enough or is killed:
 * `node sqlite-writer.ts FILE KEY NAME COUNT VALUE_BYTES`. Writes the number of each commit to standard output once it
 * was acknowledged, and the code of the error that stopped it.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/clock.ts'
import { UnstickError } from '../../src/errors.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { StoreKey } from '../../src/store/store.ts'

const [path = '', key = '', name = '', count = '0', valueBytes = '10'] = process.argv.slice(2)
const store = sqliteStore({ path, clock: systemClock })
try {
  for (let n = 1; n <= Number(count); n += 1) {
    const value = new TextEncoder().encode(String(n))
    const filler = new Uint8Array(Number(valueBytes))
    const set = new Map([[`${name}.first`, value], [`${name}.${n}.filler`, filler], [`${name}.second`, value]])
    const answer = await store.commit(key as StoreKey, { mode: 'update', set, remove: new Set(), maxBytes: 2 ** 30 })
    if (answer.state !== 'committed') throw new Error(`the store answered ${answer.state}`)
    writeSync(1, `${n}\n`)
  }
} catch (error) {
  if (!(error instanceof UnstickError)) throw error
  writeSync(1, `${error.code}\n`)
  const opened = await store.open(key as StoreKey, {})
  writeSync(1, `${opened.state}\n`)
}
await store.close()
