/** Rotations of the token that cannot be made now: a mark in the session, which the next answer makes up for. */
import type { Changes, Entry } from '../carrier/carrier.ts'

/** The entry that marks a session whose token should be a new one. Belongs to no carrier. */
export const ROTATION_DUE = 'rotation-due'

const MARK: Entry = { value: new Uint8Array(), expiresAt: undefined }

/** The same changes under the token that is there, and the rotation left to the next answer. By itself, the mark keeps no session. */
export const postponed = ({ set, remove, subject, endIfLeft }: Changes): Changes => ({
  ...(subject === undefined ? {} : { subject }),
  set: new Map([...set, [ROTATION_DUE, MARK]]),
  remove: new Set([...remove].filter((name) => name !== ROTATION_DUE)),
  endIfLeft: new Map([...(endIfLeft ?? []), [ROTATION_DUE, MARK]]),
})
