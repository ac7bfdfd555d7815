/** Which keys hold secrets. */
import { formatPath, type Path } from './problem.ts'

/** Whether the value at `path` is a secret as a whole, so that one has to be made up for it, and there can be no default. */
export const isSecret = (path: Path): boolean => path[0] === 'secret' || formatPath(path) === 'admin.token'

/** Whether the value at `path` may hold a secret, so that it is never shown: a store's address may have a password in it. */
export const mayHoldSecret = (path: Path): boolean => isSecret(path) || path[0] === 'store'
