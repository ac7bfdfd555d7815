/** What the story needs to know of a real app. One object of this kind per app; each says how its users use it. */
import type { ServerName } from '../../scripts/servers.ts'
import type { Browser } from '../support/browser.ts'
import type { Program } from '../support/process.ts'

/** What the session of one user holds, as its pages show it. */
export interface State {
  /** Who is logged in. */
  readonly user: string | undefined
  /** What was written to the session, in any order. */
  readonly items: readonly string[]
}

/** With sidecars; the bare replicas; or one bare replica, which stands for both. */
export type Layout = 'sidecars' | 'bare' | 'alone'

export interface Place {
  /** What is around this replica, for apps that are set up otherwise without a sidecar. */
  readonly layout: Layout
  /** Where this replica listens, on 127.0.0.1. */
  readonly port: number
  /** This replica's own folder, empty at first. */
  readonly folder: string
  /** This replica's own session folder. */
  readonly sessions: string
  /** A folder that all replicas share, such as a database on a volume. `prepare` filled it. */
  readonly shared: string
}

export interface App {
  readonly name: string
  readonly servers: readonly ServerName[]
  /** The sidecar's configuration, a file of `examples/`. */
  readonly config: string
  readonly store: 'sqlite' | 'redis'
  /** Answers 2xx or 3xx and opens no session. */
  readonly healthPath: string
  /** Cookies that must not reach the client: names, or how they begin. */
  readonly vaulted: RegExp
  /** How many items are written one after another, and how many at once. 10 where nothing is said. */
  readonly writes?: number
  readonly parallelWrites?: number
  /** Characters of an item; many of them fill the session. 8 where nothing is said. */
  readonly itemLength?: number
  /** What no client may see of the app's answers, in the first group. Global. */
  readonly secrets?: RegExp
  /** Fills the shared folder, once. */
  prepare?(shared: string): Promise<void>
  /** Lays out one replica's folder, once. */
  place?(place: Place): Promise<void>
  /** One replica. It is started again at the same place after it was killed. */
  program(place: Place): Program
  /** Opens a session that is nobody's yet, for apps that give it a new id at login. */
  begin?(browser: Browser): Promise<void>
  login(browser: Browser): Promise<void>
  /** Writes one item to the session. */
  write(browser: Browser, item: string): Promise<void>
  read(browser: Browser): Promise<State>
  logout?(browser: Browser): Promise<void>
}

/** The user whom every app knows, and the password. */
export const USER = 'alice'
export const PASSWORD = 'correct-horse'
