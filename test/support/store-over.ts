import type { SessionStore } from '../../src/store/store.ts'

/** A store that does what `store` does, but for what is said otherwise. */
export function storeOver(store: SessionStore, otherwise: Partial<SessionStore> = {}): SessionStore {
  return {
    kind: store.kind,
    open: (...given) => store.open(...given), commit: (...given) => store.commit(...given), destroy: (...given) => store.destroy(...given),
    renew: (...given) => store.renew(...given), release: (...given) => store.release(...given), released: (...given) => store.released(...given),
    watch: (...given) => store.watch(...given),
    file: (...given) => store.file(...given), filed: (...given) => store.filed(...given), unfile: (...given) => store.unfile(...given),
    ping: () => store.ping(), close: () => store.close(),
    ...otherwise,
  }
}
