/**
 * The headers carrier: attributes that the session keeps go to the app as request headers, and are learned from what it answers: from headers
 * that it means for unstick, or from its ordinary traffic by rules.
 */
import type { RawHeaders, RequestHead, ResponseHead } from '../http/message.ts'
import type { Telemetry } from '../telemetry.ts'
import type { BodyReading, BodyRead, Carrier, CarrierExchange, Changes, SessionView } from './carrier.ts'
import { NO_CHANGES } from './carrier.ts'
import { AttributeChanges } from './headers/attributes.ts'
import { BodyBytes } from './headers/body-bytes.ts'
import { applyRule, Bodies, type Captured, prepareRequest, stripHeaders, strippedNames } from './headers/capture.ts'
import type { Format } from './headers/formats.ts'
import { injectAttributes, type InjectionOptions } from './headers/injection.ts'
import { type ReceiveNames, Reception } from './headers/reception.ts'
import { keepOutOfSharedCaches } from './headers/response-body.ts'
import { type CaptureRule, needsRequestBody, needsResponseBody } from './headers/rule.ts'

export interface HeadersOptions extends Omit<InjectionOptions, 'onRefused' | 'maxBytes'> {
  /** Of `send` and of what is received. */
  readonly format: Format
  readonly receive: ReceiveNames
  /** The rules that a request falls under, all of them, in order. */
  readonly rules: { match(method: string, path: string): readonly CaptureRule[] }
  /** `limits.header`, in bytes. */
  readonly headerBytes: number
  /** `limits.entry`: the most that is read of a body, in bytes. */
  readonly entryBytes: number
  readonly telemetry: Pick<Telemetry, 'captured' | 'headerRefused'>
  readonly log: { warn(detail: object, message: string): void }
}

export function headersCarrier(options: HeadersOptions): Carrier {
  const parts = new Parts(options)
  return {
    name: 'headers',
    commitPoint: 'head',
    begin: (session, request) => new HeadersExchange(parts, session, request),
  }
}

/** What all exchanges of a carrier share. */
class Parts {
  readonly options: HeadersOptions
  readonly injection: InjectionOptions
  readonly reception: Reception
  readonly #said = new Set<string>()

  constructor(options: HeadersOptions) {
    const { telemetry } = options
    this.options = options
    this.injection = { ...options, maxBytes: options.headerBytes, onRefused: (name) => this.#refused(name) }
    this.reception = new Reception(options.receive, options.format, (header, why) => {
      telemetry.captured('malformed')
      this.#sayOnce({ header: options.receive[header as keyof ReceiveNames] }, `what the app answered for its session was left out: ${why}`)
    })
  }

  readonly report = (rule: CaptureRule, result: Captured): void => {
    this.options.telemetry.captured(result)
    if (result !== 'captured') this.#sayOnce({ rule: rule.on }, MEANING[result])
  }

  #refused(name: string): void {
    this.options.telemetry.headerRefused()
    this.#sayOnce({ header: name }, 'a header was left out, because an attribute in it has characters that a header cannot carry: name an encoding in its template, such as {name|url}')
  }

  /** Not with every request: the metric counts them. */
  #sayOnce(detail: { readonly [key: string]: string | undefined }, message: string): void {
    const key = Object.values(detail).join() + message
    if (this.#said.has(key) || this.#said.size > 1_000) return
    this.#said.add(key)
    this.options.log.warn(detail, message)
  }
}

const MEANING: Record<Exclude<Captured, 'captured'>, string> = {
  missing: 'a capture rule learned nothing, because a value that it needs was not there (if it may be missing, end its source with ?)',
  too_large: 'a capture rule learned nothing, because a body was larger than limits.entry, encoded or decoded; if it was the answer, nothing was stripped from it',
  malformed: 'a capture rule learned nothing, because a body was not what its Content-Type or Content-Encoding said, or could be read in two ways; if it was the answer, nothing was stripped from it',
  unfinished: 'a capture rule learned nothing, because the app answered before it had the whole request',
}

const NO_RULES: readonly CaptureRule[] = []

class HeadersExchange implements CarrierExchange {
  readonly requestBody: BodyBytes | undefined
  readonly stripped: ReadonlySet<string> | undefined
  readonly #parts: Parts
  readonly #session: SessionView
  readonly #request: RequestHead
  readonly #rules: readonly CaptureRule[]
  readonly #authorized: boolean
  /** Those that have to see bodies first. */
  #waiting = NO_RULES
  /** The response's headers as the app sent them. */
  #came: RawHeaders = []

  constructor(parts: Parts, session: SessionView, request: RequestHead) {
    this.#parts = parts
    this.#session = session
    this.#request = request
    this.#rules = parts.options.rules.match(request.method, request.path)
    if (this.#rules.length > 0) {
      prepareRequest(this.#rules, request)
      // Whatever its status will be: an interim answer comes before that is known.
      this.stripped = strippedNames(this.#rules)
      if (this.#rules.some(needsRequestBody)) this.requestBody = new BodyBytes(parts.options.entryBytes)
    }
    this.#authorized = injectAttributes(parts.injection, session, request)
  }

  capture(response: ResponseHead): Changes {
    if (this.#authorized) keepOutOfSharedCaches(response.headers)
    if (response.withheld === undefined && this.#rules.length === 0) return NO_CHANGES
    const changes = new AttributeChanges(this.#session)
    if (response.withheld !== undefined) this.#parts.reception.apply(response.withheld, changes)
    const due = this.#rules.filter(({ hasStatus }) => hasStatus(response.status))
    if (due.length > 0) this.#follow(due, response, changes)
    return changes.changes()
  }

  #follow(due: readonly CaptureRule[], response: ResponseHead, changes: AttributeChanges): void {
    this.#came = response.withheld === undefined ? response.headers : [...response.headers, ...response.withheld]
    this.#waiting = due.filter(needsBody)
    const sources = { request: this.#request, headers: this.#came }
    let learned = false
    for (const rule of due) if (!needsBody(rule)) learned = applyRule(rule, sources, changes, this.#parts.report) || learned
    // What was learned from it is somebody's own.
    if (stripHeaders(due, response) || learned) response.personal = true
  }

  reading(response: ResponseHead): BodyReading | undefined {
    if (this.#waiting.length === 0) return undefined
    const { entryBytes } = this.#parts.options
    const bodies = new Bodies(this.#waiting, { request: this.#request, headers: this.#came }, response.status, this.requestBody, entryBytes)
    const changes = new AttributeChanges(this.#session)
    return {
      maxBytes: bodies.maxBytes,
      read: async (body): Promise<BodyRead> => {
        const read = await bodies.read(body, response, changes, this.#parts.report)
        return { changes: changes.changes(), ...read }
      },
    }
  }

  settle(): Changes {
    return NO_CHANGES
  }
}

const needsBody = (rule: CaptureRule): boolean => needsRequestBody(rule) || needsResponseBody(rule)
