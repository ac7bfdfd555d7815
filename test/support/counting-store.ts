import type { SessionStore } from '../../src/store/store.ts'

/** A store that counts its calls, by operation. */
export function countingStore(store: SessionStore): SessionStore & { readonly calls: Readonly<Record<string, number>> } {
  const calls: Record<string, number> = {}
  const counted = <A extends unknown[], R>(name: string, call: (...args: A) => R) => (...args: A): R => {
    calls[name] = (calls[name] ?? 0) + 1
    return call(...args)
  }
  return {
    calls,
    kind: store.kind,
    open: counted('open', (key, options) => store.open(key, options)),
    commit: counted('commit', (key, delta) => store.commit(key, delta)),
    destroy: counted('destroy', (key, tombstoneMs) => store.destroy(key, tombstoneMs)),
    renew: counted('renew', (key, lease, leaseMs) => store.renew(key, lease, leaseMs)),
    release: counted('release', (key, lease) => store.release(key, lease)),
    released: (key, maxMs, signal) => store.released(key, maxMs, signal),
    watch: (key, changed) => store.watch(key, changed),
    file: counted('file', (of, key, forMs) => store.file(of, key, forMs)),
    filed: counted('filed', (of, most) => store.filed(of, most)),
    unfile: counted('unfile', (of, keys) => store.unfile(of, keys)),
    ping: () => store.ping(),
    close: () => store.close(),
  }
}
