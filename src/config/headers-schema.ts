/** The keys of `carriers.headers`. */
import { z } from 'zod'
import { foldHeaderName, headerKind } from '../http/header-names.ts'
import { type HeaderTemplate, parseHeaderTemplate, TEMPLATE_ENCODINGS } from '../http/header-template.ts'
import { isFieldName, MESSAGE_PARTS, type MessagePart, parseMessagePart } from '../http/message-part.ts'
import { right, wrong, type Parsed } from './parsed.ts'
import { parseRoutePattern } from './routes.ts'
import { flag, oneOf, scalar } from './scalar.ts'
import { likely, nearest } from './suggest.ts'

const DEFAULT_ID_HEADER = 'X-Session-Id'

/** Says itself what it is, whatever prefix others have: Apache's mod_session calls it so. */
const MOD_SESSION = 'X-Replace-Session'

/** Headers that say how a message is to be read, or whose value is unstick's to say. */
const SPECIAL = /^(?:content|if|sec-websocket|unstick)(?:-|$)|^(?:range|accept-encoding|trailer|forwarded|x-forwarded-(?:for|proto|host)|date|age|via)$/

/** A header that may carry attributes. */
export function parseHeaderName(text: string): Parsed<string> {
  if (!isFieldName(text)) return wrong('is not the name of a header', { allowed: "letters, digits and !#$%&'*+-.^_`|~" })
  const kind = headerKind(text)
  const taken = (kind !== 'plain' && kind !== 'reserved' && kind !== 'forwarded') || SPECIAL.test(foldHeaderName(text))
  return taken ? wrong('is a header that says how the message travels, or that unstick sets itself, and cannot carry attributes') : right(text)
}

function parseId(text: string): Parsed<string | undefined> {
  if (text === 'true') return right(DEFAULT_ID_HEADER)
  if (text === 'false') return right(undefined)
  return /^(?:yes|no|on|off)$/i.test(text) ? wrong('is neither a boolean nor the name of a header', { allowed: `true false ${DEFAULT_ID_HEADER}` }) : parseHeaderName(text)
}

function parseTemplate(text: string): Parsed<HeaderTemplate> {
  const template = parseHeaderTemplate(text)
  if (!('flaw' in template)) return right(template)
  const { flaw, word = '' } = template
  const allowed = '{attribute} {attribute|encoding}'
  switch (flaw) {
    case 'brace': return wrong('has a brace without its other half', { allowed: `${allowed}, and {{ or }} for a brace itself` })
    case 'name': return wrong('has an expression that is no attribute', { allowed })
    case 'constant': return wrong('has no {attribute} in it, and would be sent for everybody alike', { allowed })
    case 'value': return wrong('has characters that cannot stand in a header', { allowed: 'ASCII without control characters' })
    case 'encoding': return wrong('has an encoding that unstick does not know', { allowed: TEMPLATE_ENCODINGS.join(' '), meant: nearest(word, TEMPLATE_ENCODINGS) ?? '' })
  }
}

interface Source {
  readonly part: MessagePart
  /** It may be missing; its attribute is then taken away. */
  readonly optional: boolean
}

const KINDS = MESSAGE_PARTS.map((part) => part.slice(0, part.lastIndexOf('.')))

function parseSource(text: string): Parsed<Source> {
  const optional = text.endsWith('?')
  const plain = optional ? text.slice(0, -1) : text
  const part = parseMessagePart(plain)
  if (part !== undefined) return right({ part, optional })
  const [, kind = '', rest = ''] = /^((?:request\.)?[^./]*)\.?(.*)$/s.exec(plain) ?? []
  const meant = likely(kind, KINDS)
  // What is behind the kind is right as it is, or lacks the slash of a pointer, or there is nothing to suggest.
  const instead = [`${meant}.${rest}`, `${meant}./${rest}`].find((other) => parseMessagePart(other) !== undefined)
  return wrong('is no part of a request or a response', { allowed: `${MESSAGE_PARTS.join(' ')}, ? behind it where it may be missing`, ...(instead === undefined ? {} : { instead }) })
}

function parseStrip(text: string): Parsed<Extract<MessagePart, { of: 'json' | 'header' }>> {
  const part = parseMessagePart(text)
  if (part?.of === 'header') return right(part)
  if (part?.of === 'json' && part.pointer.length > 0) return right(part)
  return wrong('is nothing that can be taken out of a response', { allowed: 'json./POINTER header.NAME' })
}

/** `200`, `200-399`, `2xx`, and lists of them; 101 is what a WebSocket handshake is answered with. */
function parseStatus(text: string): Parsed<(status: number) => boolean> {
  const ranges: [number, number][] = []
  for (const word of text.split(/[\s,]+/).filter((each) => each !== '')) {
    const [, from = '', to] = /^([2-5]\d\d|[2-5]xx|101)(?:-([2-5]\d\d))?$/.exec(word) ?? []
    const first = Number(from.replace('xx', '00'))
    const last = from.endsWith('xx') ? first + 99 : Number(to ?? from)
    if (from === '' || (to !== undefined && (from.endsWith('xx') || from === '101')) || last < first) return wrong('is not a status or a range of them', { allowed: 'such as 200 200-399 2xx 200,302, from 200 to 599, or 101' })
    ranges.push([first, last])
  }
  if (ranges.length === 0) return wrong('is empty', { allowed: 'such as 200 200-399 2xx 200,302' })
  return right((status) => ranges.some(([first, last]) => status >= first && status <= last))
}

const parseAttribute = (text: string): Parsed<string> =>
  ATTRIBUTE.test(text) ? right(text) : wrong('is not the name of an attribute', { allowed: 'letters, digits and _ . -' })

/** In this file. Apps may use others. */
export const ATTRIBUTE = /^[A-Za-z0-9_.-]{1,128}$/

const name = (description: string) => scalar(parseHeaderName, { title: 'header name', description })

const receive = z.strictObject({
  prefix: name('What the names of all of them start with: `X-Session` stands for `X-Session-Set`, `-Replace` (also by the name `X-Replace-Session`), `-Subject`, `-Renew` and `-Destroy`.').optional(),
  set: name('Sets attributes; an empty value takes one away. Others stay.').optional(),
  replace: name("All attributes: those that it does not name go.").optional(),
  subject: name('Whose session it is; empty: nobody\'s any more.').optional(),
  renew: name('`1`: a new token for the same session, as after a login.').optional(),
  destroy: name('`1`: the session ends, with all that other carriers keep in it.').optional(),
})

const VERBS = { set: 'Set', replace: 'Replace', subject: 'Subject', renew: 'Renew', destroy: 'Destroy' } as const

/** The names that are heeded: those that are given, and those that the prefix makes, with mod_session's beside its own for "all of it". */
export function receiveNames({ prefix, ...given }: z.output<typeof receive>): Partial<Record<keyof typeof VERBS | 'modSession', string>> {
  const names: Partial<Record<keyof typeof VERBS | 'modSession', string>> = {}
  for (const verb of Object.keys(VERBS) as (keyof typeof VERBS)[]) {
    const name = given[verb] ?? (prefix === undefined ? undefined : `${prefix}-${VERBS[verb]}`)
    if (name !== undefined) names[verb] = name
  }
  const isTaken = Object.values(names).some((name) => foldHeaderName(name) === foldHeaderName(MOD_SESSION))
  if (prefix !== undefined && given.replace === undefined && !isTaken) names.modSession = MOD_SESSION
  return names
}

const rule = z.strictObject({
  on: scalar((text): Parsed<string> => {
    const parsed = parseRoutePattern(text)
    return parsed.ok ? right(text) : parsed
  }, { title: 'route', description: 'The requests that the rule is about: `METHOD /path` or `/path`, as in `routes`. All rules that match are heeded, in order.' }),
  status: scalar(parseStatus, { title: 'status', description: 'The responses that it is about: `200`, `200-399`, `2xx`, `101`, or a list with commas.' }).prefault('200-399'),
  set: z.record(z.string(), scalar(parseSource, { title: 'source', description: 'Where the value is.' }))
    .meta({ title: 'map of sources', description: 'Attributes, and where their values are: `form.NAME`, `json./pointer` and `header.NAME` of the response, `request.json./pointer`, `request.header.NAME`, `cookie.NAME`, `query.NAME`. When one is missing nothing is learned at all, unless it ends in `?`: then its attribute is taken away.' }).prefault({}),
  subject: scalar(parseAttribute, { title: 'attribute', description: 'Which of these attributes tells whose session it is.' }).optional(),
  strip: z.array(scalar(parseStrip, { title: 'source', description: 'A part of the response.' })).meta({ title: 'list of sources', description: 'What is taken out of the response: `json./pointer`, `header.NAME`.' }).prefault([]),
  destroy: flag('The session ends, with all that other carriers keep in it.').prefault('false'),
})

export const headers = z.strictObject({
  send: name('The header that carries all attributes to the app.').optional(),
  format: scalar(oneOf(['form', 'json', 'base64json']), { title: '`form`, `json` or `base64json`', description: 'How attributes are written where one header carries several, both ways: `key=value&key=value`, a JSON map, or that in base64.', enum: ['form', 'json', 'base64json'] }).prefault('form'),
  id: scalar(parseId, { title: 'boolean or header name', description: `The header that tells the app a public id of the session, which is not its token and stays when that changes. \`true\`: \`${DEFAULT_ID_HEADER}\`.`, type: ['boolean', 'string'] }).prefault('false'),
  receive: z
    .preprocess((value) => (typeof value !== 'string' ? value : foldHeaderName(value) === foldHeaderName(MOD_SESSION) ? { replace: value } : { prefix: value }), receive)
    .meta({ title: 'header name or map', description: 'The headers by which the app says what it keeps in its session. A name is that of all of them without their last part, as in `receive.prefix`, or `X-Replace-Session` by itself, which is taken at its word: all attributes. mod_session, where that name comes from, merges: `{ set: X-Replace-Session }` does as it does. They never reach the client.', type: ['object', 'string'] })
    .prefault({}),
  inject: z.record(z.string(), scalar(parseTemplate, { title: 'template', description: 'A value with `{attribute}` in it.' }))
    .meta({ title: 'map of templates', description: `Request headers, and their values with \`{attribute}\` in it. Left out when an attribute is missing. A value with characters beyond Latin-1 needs an encoding: ${TEMPLATE_ENCODINGS.map((encoding) => `\`{attribute|${encoding}}\``).join(', ')}.` }).prefault({}),
  capture: z.array(rule).meta({ title: 'list of maps', description: 'What is learned from the traffic of an app that knows nothing of unstick.' }).prefault([]),
})
