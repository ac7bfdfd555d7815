/** A headers carrier and its requests one by one, for tests that play the app themselves. */
import type { BodyRead, Changes, Entry } from '../../../src/carrier/carrier.ts'
import { headersCarrier, type HeadersOptions } from '../../../src/carrier/headers.ts'
import { compileRules } from '../../../src/config/routes.ts'
import type { RequestHead, ResponseHead } from '../../../src/http/message.ts'
import { silent } from '../../../src/telemetry.ts'
import { keptLog } from '../../support/kept-log.ts'
import { configOf } from '../config/lines.ts'

export interface Asked {
  readonly method?: string
  readonly target?: string
  readonly headers?: readonly string[]
  readonly cookies?: RequestHead['cookies']
  /** In pieces, as it passes by; it ends unless `cut`. */
  readonly body?: readonly string[]
  readonly cut?: boolean
}

export interface Answered {
  readonly status?: number
  readonly headers?: readonly string[]
  readonly withheld?: readonly string[]
  /** undefined: too large to be held, or none was wanted. */
  readonly body?: Buffer | string
}

export interface Exchanged {
  /** As the app gets it. */
  readonly request: RequestHead
  readonly response: ResponseHead
  readonly captured: Changes
  readonly maxBytes: number | undefined
  readonly read: BodyRead | undefined
}

export function headersSubject(yaml: string, options: Partial<HeadersOptions> = {}) {
  const config = configOf(`carriers:\n  headers:\n${yaml.replace(/^/gm, '    ')}\n`).carriers.headers
  if (config === undefined) throw new Error('no configuration')
  const results: string[] = []
  const log = keptLog()
  const telemetry = { captured: (result: string) => { results.push(result) }, headerRefused: () => { results.push('refused') } }
  const carrier = headersCarrier({ ...config, rules: compileRules(config.capture), headerBytes: 1_000, entryBytes: 10_000, telemetry: { ...silent, ...telemetry }, log, ...options })
  return {
    /** What was counted, in order. */
    results, log, carrier,
    async exchange(attributes: Readonly<Record<string, string>>, asked: Asked = {}, answered: Answered = {}): Promise<Exchanged> {
      const entries = new Map(Object.entries(attributes).map(([name, text]): [string, Entry] => [`attribute:${name}`, { value: Buffer.from(text), expiresAt: undefined }]))
      const target = asked.target ?? '/'
      const request: RequestHead = {
        method: asked.method ?? 'GET', target, path: target.split('?', 1)[0] ?? '/', host: 'app.example', secure: true,
        headers: [...(asked.headers ?? [])], cookies: [...(asked.cookies ?? [])], dropped: [],
      }
      const exchange = await carrier.begin({ id: entries.size === 0 ? undefined : 'public-id', entries, now: () => 0 }, request)
      for (const piece of asked.body ?? []) exchange.requestBody?.add(Buffer.from(piece, 'latin1'))
      if (asked.body !== undefined && asked.cut !== true) exchange.requestBody?.end()
      const response: ResponseHead = { status: answered.status ?? 200, headers: [...(answered.headers ?? [])], withheld: answered.withheld === undefined ? undefined : [...answered.withheld] }
      const captured = exchange.capture(response)
      const reading = exchange.reading?.(response)
      const body = answered.body === undefined ? undefined : [Buffer.from(answered.body)]
      return { request, response, captured, maxBytes: reading?.maxBytes, read: await reading?.read(reading.maxBytes === 0 ? undefined : body) }
    },
  }
}

/** `name=value` for what is set, `-name` for what is taken away, and the rest by name. */
export function told({ set, remove, rotate, subject, destroy }: Changes): string[] {
  const name = (entry: string): string => entry.replace(/^attribute:/, '')
  const others = Object.entries({ rotate, subject, destroy }).filter(([, value]) => value !== undefined && value !== false).map(([key, value]) => `${key}:${String(value)}`)
  return [...Array.from(set, ([entry, { value }]) => `${name(entry)}=${Buffer.from(value).toString()}`), ...Array.from(remove, (entry) => `-${name(entry)}`), ...others]
}
