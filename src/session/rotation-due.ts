/** Rotations of the token that cannot be made now: a mark in the session, which the next answer makes up for. */
import type { Changes } from '../carrier/carrier.ts'

/** The entry that marks a session whose token should be a new one. Belongs to no carrier. */
export const ROTATION_DUE = 'rotation-due'

/** The same changes under the token that is there, and the rotation left to the next answer. */
export const postponed = ({ set, remove, subject }: Changes): Changes => ({
  ...(subject === undefined ? {} : { subject }),
  set: new Map([...set, [ROTATION_DUE, { value: new Uint8Array(), expiresAt: undefined }]]),
  remove: new Set([...remove].filter((name) => name !== ROTATION_DUE)),
})
