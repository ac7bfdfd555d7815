/** Replicas of an app that keeps its sessions in files, each with a folder and a sidecar of its own, over one store. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { FilesRule } from '../../src/config/config.ts'
import { memoryStore } from '../../src/store/memory.ts'
import type { SessionStore } from '../../src/store/store.ts'
import { type HttpApp, httpApp } from './origin-app.ts'
import { type Overrides, type RunningSidecar, runSidecar } from './running-sidecar.ts'

/** What the app does with a request, in the folder of the replica that got it. */
export type Play = (folder: string, request: IncomingMessage, response: ServerResponse) => void | Promise<void>

export interface FileReplica {
  readonly folder: string
  readonly app: HttpApp
  readonly sidecar: RunningSidecar
  readonly origin: string
}

export interface Stage {
  /** What all replicas play; set by each test. */
  play: Play
  /** The store that they share, new for each test. */
  store: SessionStore
  replica(name: string, shared?: SessionStore, limits?: Overrides['limits'], more?: Pick<Overrides, 'routes' | 'headers'>): Promise<FileReplica>
}

/** For the top of a test file: what a test starts is stopped after it. */
export function fileReplicas(): Stage {
  let root = ''
  const running: FileReplica[] = []
  const stage: Stage = {
    play: () => undefined,
    store: memoryStore({ clock: systemClock }),
    async replica(name, shared = stage.store, limits = {}, more = {}) {
      const folder = join(root, name)
      mkdirSync(folder)
      const app = await httpApp((request, response) => { void stage.play(folder, request, response) })
      const rule: FilesRule = { cookie: 'SID', id: undefined, path: `${folder}/{id}`, render: (id) => join(folder, id) }
      const sidecar = await runSidecar(app, { cookies: { names: [] }, files: [rule], store: shared, limits, ...more })
      if ('unix' in sidecar.address) throw new Error('a port was expected')
      const started = { folder, app, sidecar, origin: `http://127.0.0.1:${sidecar.address.port}` }
      running.push(started)
      return started
    },
  }
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'unstick-files-'))
    stage.store = memoryStore({ clock: systemClock })
  })
  afterEach(async () => {
    for (const { sidecar, app } of running.splice(0)) {
      await sidecar.stop()
      await app[Symbol.asyncDispose]()
    }
    rmSync(root, { recursive: true })
  })
  return stage
}

/** The token cookie that a response hands out; empty: none. */
export const tokenOf = (response: Response): string => response.headers.getSetCookie().find((cookie) => cookie.startsWith('unstick='))?.split(';')[0] ?? ''

export const askReplica = (replica: FileReplica, token: string, path = '/'): Promise<Response> =>
  fetch(replica.origin + path, { headers: { cookie: token }, redirect: 'manual' })

/** The app's own view of a session. */
export const readSession = (folder: string, id: string): string => (existsSync(join(folder, id)) ? readFileSync(join(folder, id), 'utf8') : 'nothing')
