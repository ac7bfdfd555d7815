/** Why a session was not written, in words for whoever reads the log. */
import { UnstickError } from '../errors.ts'

export const tooLarge = (): UnstickError =>
  new UnstickError('too_large', 'The session would be larger than limits.entry or limits.session allows. Nothing was saved.')
export const takenOver = (): UnstickError =>
  new UnstickError('session_busy', 'This request held its session too long without a sign of life, and another one has taken it over. What it changed was not saved; try again.')
export const tooOften = (): UnstickError =>
  new UnstickError('session_busy', 'The token of this session was rotated by several requests at once, and this one did not get through. Try again.')
export const contradiction = (what: string): UnstickError =>
  new UnstickError('store_unavailable', `The store answered ${what}. Check that it is what the configuration says.`)

