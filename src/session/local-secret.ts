/**
 * The secret of a store that is local and has none configured: made once, and kept beside the store for all sidecars of
 * this host. A dump of the store alone opens nothing, and neither does the file.
 */
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { StoreConfig } from '../config/config.ts'
import { UnstickError } from '../errors.ts'

export function localSecret(store: StoreConfig): string {
  if (store.kind === 'memory') return randomBytes(32).toString('base64url')
  if (store.kind !== 'sqlite') throw new UnstickError('config_invalid', 'A shared store needs "secret": the same for all sidecars. Make one with `unstick keygen`.')
  const path = `${store.path}.secret`
  try {
    return read(path) ?? create(path)
  } catch (error) {
    throw new UnstickError('start_failed', `The secret in ${path} can neither be read nor made. Make its folder writable, or set "secret".`, { cause: error })
  }
}

function read(path: string): string | undefined {
  try {
    const secret = readFileSync(path, 'utf8').trim()
    if (secret.length < 32) throw new UnstickError('start_failed', `The secret in ${path} is cut short. Delete the file (all sessions end), or restore it.`)
    return secret
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Written aside and linked in place: of sidecars that start together, one wins, and none sees half a file. */
function create(path: string): string {
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  writeFileSync(aside, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  try {
    linkSync(aside, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
  const secret = read(path)
  if (secret === undefined) throw new Error(`${path} disappeared`)
  return secret
}
