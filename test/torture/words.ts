/** What the app and its clients agree on. */

/** The app's cookie that says who is logged in; with files, the id of the session's file. */
export const ID_COOKIE = 'sid'

/** Written only by routes that lock. */
export const LOCKED_ENTRIES = ['e0', 'e1'] as const
/** Written by routes without a lock, never two at a time on one of them. */
export const FREE_ENTRIES = ['e2', 'e3', 'e4', 'e5'] as const
export const ENTRIES = [...LOCKED_ENTRIES, ...FREE_ENTRIES] as const
export type EntryKey = (typeof ENTRIES)[number]

/** How long a killed holder's lease may block others, by the contract. */
export const LEASE_MS = 10_000

export type CarrierName = 'cookies' | 'files'
export type StoreName = 'sqlite' | 'redis'

/** The header in which the app tells what it saw, so that a client that hangs up after the head has heard it. */
export const SAW_HEADER = 'x-saw'

/** What one request of the app saw, after its own write. Everything carries its owner, for what is mixed up to show. */
export interface Saw {
  /** Who is logged in; null: nobody, the app saw no session. */
  readonly owner: string | null
  /** By entry: who it belongs to and the numbers appended to it, in order. Entries that are not there are left out. */
  readonly entries: Readonly<Partial<Record<EntryKey, { readonly owner: string; readonly list: readonly number[] }>>>
  /** Whether this request was a logout that found a session to end. */
  readonly ended: boolean
}

/**
 * How an answer goes out. `plain`: at once, with its length. `slow`: the head first, then some body, the rest later, of unknown length; files are
 * written between the two. `large`: some hundred kilobytes in pieces, with their length; files are written before the last piece.
 */
export type Shape = 'plain' | 'slow' | 'large'

/** The last bytes of every answer of the app: what ends otherwise was cut, whatever the framing says. */
export const END = 'whole\n'
