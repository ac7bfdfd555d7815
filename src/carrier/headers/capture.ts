/** Capture rules at work: what one request and its response tell of the session, for apps that know nothing of unstick. */
import { jsonAccepted } from '../../http/accept.ts'
import { readableEncodings } from '../../http/content-coding.ts'
import { foldHeaderName } from '../../http/header-names.ts'
import { formatJson, type Json, mayBeJson } from '../../http/json.ts'
import { removeAt } from '../../http/json-pointer.ts'
import type { RawHeaders, RequestHead, ResponseHead } from '../../http/message.ts'
import type { BodyRead } from '../carrier.ts'
import type { AttributeChanges } from './attributes.ts'
import type { BodyBytes } from './body-bytes.ts'
import { headersFor } from './response-body.ts'
import { type CaptureRule, needsRequestBody, needsResponseBody } from './rule.ts'
import { headerOf, readRequestBody, readResponseJson, type Sources, type Unread, valueOf } from './sources.ts'

/** What became of a rule that a request and its response fall under. */
export type Captured =
  /** It was heeded. */
  | 'captured'
  /** A value that it needs was not there. */
  | 'missing'
  /** A body that it needs could not be read, and has passed as it was. */
  | Exclude<Unread, 'other'>

export type Report = (rule: CaptureRule, result: Captured) => void

/** Of a request: what could have the app answer with a part of a body that has to be read, with what changed in it (RFC 3229), or in another charset. */
const OF_OTHER_BYTES = new Set(['range', 'if-range', 'a-im', 'accept-charset'])

/**
 * Before the request goes out: the app must not answer in a way that nobody here can read. What is to be stripped from JSON, it must not give in
 * another format either because a client would rather have that.
 */
export function prepareRequest(rules: readonly CaptureRule[], request: RequestHead): void {
  if (!rules.some(needsResponseBody)) return
  const { headers } = request
  const stripsJson = rules.some(({ strip }) => strip.some(({ of }) => of === 'json'))
  const accepted: string[] = []
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    const name = foldHeaderName(headers[i] ?? '')
    if (OF_OTHER_BYTES.has(name)) headers.splice(i, 2)
    else if (name === 'accept-encoding') headers[i + 1] = readableEncodings(headers[i + 1] ?? '')
    else if (stripsJson && name === 'accept') accepted.unshift(...headers.splice(i, 2).slice(1))
  }
  if (accepted.length > 0) headers.push('Accept', jsonAccepted(accepted.join(',')))
}

/** Lets a rule learn what it is about. Nothing at all, and false, when a value is missing that it needs: half a login is no login. */
export function applyRule(rule: CaptureRule, sources: Sources, changes: AttributeChanges, report: Report): boolean {
  if (rule.destroy) {
    changes.destroy()
    report(rule, 'captured')
    return true
  }
  const values = rule.set.map(({ part }) => valueOf(part, sources))
  if (rule.set.some(({ optional }, i) => !optional && values[i] === undefined)) {
    report(rule, 'missing')
    return false
  }
  for (const [i, { attribute }] of rule.set.entries()) {
    const value = values[i] ?? ''
    changes.set(attribute, value)
    if (attribute === rule.subject) changes.subject(value === '' ? null : value)
  }
  changes.rotateIfNew()
  report(rule, 'captured')
  return true
}

/** Of headers, in lower case, what rules keep from the client. */
export const strippedNames = (rules: readonly CaptureRule[]): ReadonlySet<string> =>
  new Set(rules.flatMap(({ strip }) => strip.flatMap((part) => (part.of === 'header' ? [part.name.toLowerCase()] : []))))

/** Takes that out of the response's head. True where something was. */
export function stripHeaders(rules: readonly CaptureRule[], response: ResponseHead): boolean {
  const names = strippedNames(rules)
  if (names.size === 0) return false
  const before = response.headers.length
  response.headers = response.headers.filter((_, i, all) => !names.has(all[i - (i % 2)]?.toLowerCase() ?? ''))
  return response.headers.length < before
}

/** What it takes to read the bodies that `rules` need. */
export class Bodies {
  /** How much of the response is needed, in bytes: nothing where its head says that there is no use. */
  readonly maxBytes: number
  readonly #rules: readonly CaptureRule[]
  readonly #sources: Pick<Sources, 'request' | 'headers'>
  readonly #copy: BodyBytes | undefined
  readonly #limit: number
  /** What the head tells of the body: undefined: it may be read. */
  readonly #unread: Unread | undefined

  constructor(rules: readonly CaptureRule[], sources: Pick<Sources, 'request' | 'headers'>, status: number, copy: BodyBytes | undefined, limit: number) {
    this.#rules = rules
    this.#sources = sources
    this.#copy = copy
    this.#limit = limit
    this.#unread = unreadable(sources, status, limit)
    this.maxBytes = rules.some(needsResponseBody) && this.#unread === undefined ? limit : 0
  }

  /** `body`: the response's, whole; undefined: not wanted, or too large. `response`: its head, which is made to fit what is left of the body. */
  async read(body: readonly Buffer[] | undefined, response: ResponseHead, changes: AttributeChanges, report: Report): Promise<Pick<BodyRead, 'body'>> {
    const { request, headers } = this.#sources
    const requestBody = this.#rules.some(needsRequestBody) ? await readRequestBody(this.#copy, request, this.#limit) : 'other'
    const json = this.#unread ?? (body === undefined ? 'too_large' : await readResponseJson(body, headers, this.#limit))
    const sources: Sources = { request, headers, requestBody, json }
    for (const rule of this.#rules) {
      const unread = (needsRequestBody(rule) ? flawOf(requestBody) : undefined) ?? (needsResponseBody(rule) ? flawOf(json) : undefined)
      if (unread === undefined) response.personal = applyRule(rule, sources, changes, report) || response.personal === true
      else report(rule, unread === 'other' ? 'missing' : unread)
    }
    const stripped = typeof json === 'object' ? strip(json.json, this.#rules) : undefined
    if (stripped === undefined) return {}
    response.headers = headersFor(response.headers, stripped.length)
    response.personal = true
    return { body: stripped }
  }
}

/** Of several types, in as many headers or in one, one is enough: clients differ in which they take. */
function saysJson(headers: RawHeaders): boolean {
  const types = headers.flatMap((value, i, all) => (i % 2 === 1 && all[i - 1]?.toLowerCase() === 'content-type' ? value.split(',') : []))
  return types.length === 0 || types.some(mayBeJson)
}

/** What a response's head says against reading its body. */
function unreadable({ request, headers }: Pick<Sources, 'request' | 'headers'>, status: number, limit: number): Unread | undefined {
  if (request.method === 'HEAD' || status === 204 || status === 304 || !saysJson(headers)) return 'other'
  return Number(headerOf(headers, 'content-length') ?? 0) > limit ? 'too_large' : undefined
}

const flawOf = (body: object | Unread | undefined): Unread | undefined => (typeof body === 'object' ? undefined : body)

/** undefined: there was nothing to take out. */
function strip(json: Json, rules: readonly CaptureRule[]): Buffer | undefined {
  let found = false
  for (const rule of rules) {
    for (const part of rule.strip) if (part.of === 'json') found = removeAt(json, part.pointer) || found
  }
  return found ? formatJson(json) : undefined
}
