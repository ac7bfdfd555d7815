/** One request over one connection of its own choosing, heard to its end or given up. */
import { Agent, type IncomingMessage, request as httpRequest } from 'node:http'
import { END } from './words.ts'

export interface Ask {
  readonly port: number
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly cookie: string | undefined
  /** The client hangs up after so many milliseconds, or as soon as it has the head. */
  readonly hangUp?: { readonly afterMs: number } | 'at head'
  /** Called when the head is there, whatever becomes of the rest. */
  readonly onHead: (head: Head) => void
}

export interface Head {
  readonly status: number
  /** `Unstick-Error`. */
  readonly code: string | undefined
  readonly headers: IncomingMessage['headers']
}

export type Heard =
  | { readonly state: 'whole'; readonly head: Head }
  /** `fault` undefined: the client hung up itself. */
  | { readonly state: 'failed'; readonly head: Head | undefined; readonly fault: string | undefined }

/** Longer than anything that a sidecar may wait for. */
export const PATIENCE_MS = 45_000

/** Connections are kept, but less long than a sidecar keeps them, so that none is closed under a request. */
export function agent(): Agent {
  return new Agent({ keepAlive: true, maxFreeSockets: 64, timeout: PATIENCE_MS, scheduling: 'lifo' })
}

export function hear(through: Agent, ask: Ask): Promise<Heard> {
  return new Promise((resolve) => {
    let head: Head | undefined
    let over = false
    const { port, method, path, cookie, hangUp } = ask
    const headers = cookie === undefined ? {} : { Cookie: cookie }
    const request = httpRequest({ agent: through, host: '127.0.0.1', port, method, path, headers }, (response) => {
      head = { status: response.statusCode ?? 0, code: single(response.headers['unstick-error']), headers: response.headers }
      ask.onHead(head)
      if (hangUp === 'at head') return end({ state: 'failed', head, fault: undefined })
      let last = ''
      response.on('data', (chunk: Buffer) => { last = (last + chunk.subarray(-END.length).toString('latin1')).slice(-END.length) })
      response.on('end', () => {
        const cut = head?.status === 200 && last !== END
        end(cut || head === undefined ? { state: 'failed', head, fault: 'a cut answer that passed for whole' } : { state: 'whole', head })
      })
      response.on('error', (error) => end({ state: 'failed', head, fault: nameOf(error) }))
      return undefined
    })
    const timer = setTimeout(() => end({ state: 'failed', head, fault: hangUp === undefined ? 'no answer in time' : undefined }), typeof hangUp === 'object' ? hangUp.afterMs : PATIENCE_MS)
    const end = (heard: Heard): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      if (heard.state === 'failed') request.destroy()
      resolve(heard)
    }
    request.on('error', (error) => end({ state: 'failed', head, fault: nameOf(error) }))
    request.end()
  })
}

const single = (value: string | string[] | undefined): string | undefined => (Array.isArray(value) ? value[0] : value)
const nameOf = (error: Error): string => (error as NodeJS.ErrnoException).code ?? error.message
