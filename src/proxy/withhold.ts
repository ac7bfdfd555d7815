/** Cookies that an app may not hand to a client: the token, which is only ours to give, and vaulted ones where no session takes them in. */
import { dropCookies } from '../http/response-head.ts'
import type { Parts } from './parts.ts'

/** `captured`: a carrier will look at the vaulted ones. */
export function withholdCookies({ sorter, vaulted }: Pick<Parts, 'sorter' | 'vaulted'>, response: { headers: string[] }, captured: boolean): void {
  dropCookies(response, (name) => sorter.kind(name, true) === 'token' || sorter.kind(name, false) === 'token' || (!captured && vaulted.has(name)))
}
