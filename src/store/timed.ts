/** A store that reports how long its calls take, and when it serves again after it did not. */
import type { Telemetry } from '../telemetry.ts'
import type { SessionStore } from './store.ts'

type Operation = Parameters<Telemetry['storeCall']>[0]

export function timedStore(store: SessionStore, telemetry: Pick<Telemetry, 'storeCall'>, onBack: () => void): SessionStore {
  let away = false
  const timed = async <T>(operation: Operation, call: () => Promise<T>): Promise<T> => {
    const start = performance.now()
    let failed = true
    try {
      const result = await call()
      failed = false
      return result
    } finally {
      if (away && !failed) onBack()
      away = failed
      telemetry.storeCall(operation, (performance.now() - start) / 1_000, failed)
    }
  }
  return {
    kind: store.kind,
    open: (key, options) => timed('open', () => store.open(key, options)),
    commit: (key, delta) => timed('commit', () => store.commit(key, delta)),
    destroy: (key, tombstoneMs) => timed('destroy', () => store.destroy(key, tombstoneMs)),
    renew: (key, lease, leaseMs) => timed('renew', () => store.renew(key, lease, leaseMs)),
    release: (key, lease) => timed('release', () => store.release(key, lease)),
    released: (key, maxMs, signal) => store.released(key, maxMs, signal),
    watch: (key, changed) => store.watch(key, changed),
    file: (subject, key, forMs) => timed('file', () => store.file(subject, key, forMs)),
    filed: (subject, most) => timed('file', () => store.filed(subject, most)),
    unfile: (subject, keys) => timed('file', () => store.unfile(subject, keys)),
    ping: () => store.ping(),
    close: () => store.close(),
  }
}
