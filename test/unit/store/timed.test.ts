import { expect, it } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import type { StoreKey } from '../../../src/store/store.ts'
import { timedStore } from '../../../src/store/timed.ts'
import { storeOver } from '../../support/store-over.ts'

const KEY = 'a key' as StoreKey

it('a store reports each call with whether it failed, and once that it serves again', async () => {
  const reported: string[] = []
  let away = false
  const memory = memoryStore({ clock: systemClock })
  const store = timedStore(
    storeOver(memory, { open: (...given) => (away ? Promise.reject(new Error('away')) : memory.open(...given)) }),
    { storeCall: (operation, seconds, failed) => { reported.push(`${operation} ${failed ? 'failed' : 'served'}${seconds >= 0 ? '' : ' before it was asked'}`) } },
    () => { reported.push('back') },
  )
  const ask = (): Promise<unknown> => store.open(KEY, {}).catch(() => undefined)
  await ask()
  away = true
  await ask()
  await ask()
  away = false
  await ask()
  await ask()
  expect(reported).toEqual(['open served', 'open failed', 'open failed', 'back', 'open served', 'open served'])
})
