import { setImmediate } from 'node:timers/promises'
import type { SessionStore } from '../../src/store/store.ts'
import { storeOver } from './store-over.ts'

/** A store that answers a turn of the event loop after each call at the earliest, as any but one in memory does: what else happens in that turn shows. */
export function unhurriedStore(store: SessionStore): SessionStore {
  const later = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    await setImmediate()
    return call(...args)
  }
  return storeOver(store, {
    open: later((...given) => store.open(...given)), commit: later((...given) => store.commit(...given)), destroy: later((...given) => store.destroy(...given)),
    renew: later((...given) => store.renew(...given)), release: later((...given) => store.release(...given)),
    file: later((...given) => store.file(...given)), filed: later((...given) => store.filed(...given)), unfile: later((...given) => store.unfile(...given)),
  })
}
