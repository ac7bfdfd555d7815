/** The session's attributes on their way to the app, as request headers. */
import { UnstickError } from '../../errors.ts'
import type { HeaderTemplate } from '../../http/header-template.ts'
import type { RequestHead } from '../../http/message.ts'
import type { SessionView } from '../carrier.ts'
import { attributeOf, attributesOf } from './attributes.ts'
import { encodeAttributes, type Format } from './formats.ts'

export interface InjectionOptions {
  /** The header that carries all attributes. */
  readonly send: string | undefined
  readonly format: Format
  /** The header that carries the session's public id. */
  readonly id: string | undefined
  readonly inject: readonly { readonly name: string; readonly template: HeaderTemplate }[]
  /** `limits.header`: the most that all of these may take, in bytes. */
  readonly maxBytes: number
  /** A value that cannot stand in the header of this name was left out, and the header with it. */
  readonly onRefused: (name: string) => void
}

/** RFC 9112 5: a name, `: `, a value, and the end of the line. */
const LINE_OVERHEAD = 4

/**
 * Puts them behind the other headers; a client's own are gone by now. True where one of them is `Authorization`, of which caches
 * know what it means. Throws `too_large` (431) where the app would, for a reason that nobody could see.
 */
export function injectAttributes(options: InjectionOptions, session: SessionView, request: RequestHead): boolean {
  if (session.entries.size === 0) return false
  const { headers } = request
  const before = headers.length
  let authorized = false
  if (options.id !== undefined && session.id !== undefined) headers.push(options.id, session.id)
  if (options.send !== undefined) {
    const attributes = attributesOf(session)
    if (attributes.length > 0) headers.push(options.send, encodeAttributes(options.format, attributes))
  }
  for (const { name, template } of options.inject) {
    const rendered = template.render((attribute) => attributeOf(session, attribute))
    if (rendered.state === 'refused') options.onRefused(name)
    if (rendered.state !== 'value') continue
    headers.push(name, rendered.value)
    authorized ||= name.toLowerCase() === 'authorization'
  }
  let bytes = 0
  for (let i = before; i < headers.length; i += 2) bytes += (headers[i]?.length ?? 0) + (headers[i + 1]?.length ?? 0) + LINE_OVERHEAD
  if (bytes > options.maxBytes) {
    throw new UnstickError('too_large', `The session's attributes take ${bytes} bytes of request header, more than limits.header. See what the app keeps in them, or raise it here and in the app.`, { status: 431 })
  }
  return authorized
}
