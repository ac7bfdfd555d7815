/** What is known of local session files without reading them: enough to tell from one stat that nothing changed. */
import { hash } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { systemClock } from '../../clock.ts'

export interface KnownFile {
  readonly ino: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  /** SHA-256 of the content; undefined: not known. */
  readonly digest: string | undefined
  /**
   * Whether the same stat means the same content. Kernels stamp files with a clock that ticks every 1 to 10 ms, so a file that was
   * looked at in the tick of its last change may change once more without any sign: a PHP counter from 1 to 2 keeps its size, too.
   */
  readonly telling: boolean
}

/** Longer than any tick of a kernel's coarse clock. */
const TICK_NS = 50_000_000n
const SECOND_NS = 1_000_000_000n

export function knownFile(stats: BigIntStats, digest: string | undefined): KnownFile {
  const { ino, size, mtimeNs, ctimeNs } = stats
  // Compared with stamps of the kernel, so the kernel's clock and not the injected one. A whole second: perhaps a file system that has no finer ones.
  const ageNs = BigInt(systemClock.now()) * 1_000_000n - ctimeNs
  const telling = ageNs > (ctimeNs % SECOND_NS === 0n ? 2n * SECOND_NS + TICK_NS : TICK_NS)
  return { ino, size, mtimeNs, ctimeNs, digest, telling }
}

/** Whether the file that has `stats` is surely still the one that was known. */
export function isUnchanged(known: KnownFile, stats: BigIntStats): boolean {
  return (
    known.telling &&
    known.mtimeNs === stats.mtimeNs &&
    known.ctimeNs === stats.ctimeNs &&
    known.size === stats.size &&
    known.ino === stats.ino
  )
}

/** 3 µs for a kilobyte. */
export function digestOf(content: Uint8Array): string {
  return hash('sha256', content, 'base64url')
}
