/**
 * The rotation of secrets, as docs/operations.md tells an operator to do it: three rolls over all sidecars, and the old secret goes when
 * the metrics say that nothing needs it any more.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { Keyring } from '../../src/crypto/keyring.ts'
import type { World } from './sender.ts'
import type { Site } from './site.ts'
import { AFTERMATH_MS } from './windows.ts'
import { LEASE_MS } from './words.ts'

/** The secrets of now, newest first, and what comes next. */
export class Secrets {
  #list: readonly string[] = [secretNumber(1)]
  #made = 1

  get list(): readonly string[] {
    return this.#list
  }

  /** The one that goes with the next step; undefined: none does. */
  get leaving(): string | undefined {
    const [newest, old] = this.#list
    return newest === secretNumber(this.#made) ? old : undefined
  }

  advance(): readonly string[] {
    const [first = '', second] = this.#list
    if (second === undefined) this.#list = [first, secretNumber(++this.#made)]
    else this.#list = this.leaving === undefined ? [second, first] : [first]
    return this.#list
  }
}

const secretNumber = (number: number): string => `secret number ${number} of the torture that opens nothing else`

/** From the bell of the balancer to the restart. */
const TAKEN_OUT_MS = 150
/** How often the metrics are read. */
const LOOK_MS = 250

/** The next step of a rotation, or nothing if `signal` comes before the old secret can go. */
export async function rollSecrets(site: Site, world: World, signal: AbortSignal): Promise<void> {
  const { windows, away, tally } = world
  const { leaving } = site.secrets
  if (leaving !== undefined && !(await isUnneeded(leaving, site, world, signal))) return
  const list = site.secrets.advance()
  for (const [index, sidecar] of site.sidecars.entries()) {
    away.add(index)
    await pause(TAKEN_OUT_MS)
    const over = windows.open(`sidecar ${index} restarts with secrets ${list.map((secret) => keyId(secret)).join()}`, performance.now(), false)
    site.configure(index)
    await sidecar.stop()
    await sidecar.up()
    away.delete(index)
    over(performance.now() + AFTERMATH_MS)
  }
  if (leaving !== undefined) tally.add('secretsGone')
}

/** Waits until no sidecar has needed the secret for as long as any client may be silent; false when `signal` came first. */
async function isUnneeded(secret: string, site: Site, { windows }: World, signal: AbortSignal): Promise<boolean> {
  // A session in here lies still only while a fault has its client wait, for a lease of somebody who is gone at the most.
  const quietMs = 3_000
  let uses = NaN
  let quietSince = performance.now()
  while (!signal.aborted) {
    const now = await usesOf(secret, site)
    if (now !== uses) quietSince = performance.now()
    uses = now
    const harmedUntil = windows.lastHarm === undefined ? 0 : windows.lastHarm + LEASE_MS
    if (performance.now() - Math.max(quietSince, harmedUntil) >= quietMs) return true
    await pause(LOOK_MS, undefined, { signal }).catch(() => undefined)
  }
  return false
}

/** Over all sidecars, since each started. */
async function usesOf(secret: string, site: Site): Promise<number> {
  let sum = 0
  for (const admin of site.admins) {
    const page = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text()
    for (const use of ['token', 'seal']) {
      const line = `unstick_secret_uses_total{key="${keyId(secret)}",use="${use}"} `
      const found = page.split('\n').find((each) => each.startsWith(line))
      if (found === undefined) throw new Error(`the metrics of a sidecar do not tell of a secret that it has: ${line}`)
      sum += Number(found.slice(line.length))
    }
  }
  return sum
}

const keyId = (secret: string): string => new Keyring([secret]).newest.idText
