/** What a session store is: every store passes all of this, over the real thing. */
import { afterAll, beforeAll, describe } from 'vitest'
import type { StoreSubject } from './store-subject.ts'
import { deltas } from './store-suite-deltas.ts'
import { endings } from './store-suite-endings.ts'
import { leases } from './store-suite-leases.ts'
import { subjects } from './store-suite-subjects.ts'
import { times } from './store-suite-times.ts'
import { values } from './store-suite-values.ts'
import { watching } from './store-suite-watching.ts'

/** `setup` is called once; each test works under keys of its own. `timeoutMs`: for setting up. */
export function storeSuite(name: string, setup: () => Promise<StoreSubject>, timeoutMs = 30_000): void {
  describe(`the ${name} store`, () => {
    let current: StoreSubject | undefined
    const subject = (): StoreSubject => {
      if (current === undefined) throw new Error('the store was not set up')
      return current
    }
    beforeAll(async () => { current = await setup() }, timeoutMs)
    afterAll(async () => { await current?.close() })

    deltas(subject)
    values(subject)
    times(subject)
    leases(subject)
    endings(subject)
    watching(subject)
    subjects(subject)
  })
}
