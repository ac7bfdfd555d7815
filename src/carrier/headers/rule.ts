/** What a capture rule is, and what it needs to see. */
import type { MessagePart } from '../../http/message-part.ts'

export interface CaptureRule {
  /** The requests that it is about, as the configuration has it. For the log. */
  readonly on: string
  readonly hasStatus: (status: number) => boolean
  /** All that are not optional must be there, or nothing is learned. An optional one that is missing takes its attribute away. */
  readonly set: readonly CaptureSource[]
  /** The attribute that tells whose session it is. */
  readonly subject: string | undefined
  /** What does not reach the client. */
  readonly strip: readonly Extract<MessagePart, { of: 'json' | 'header' }>[]
  /** The session ends. */
  readonly destroy: boolean
}

export interface CaptureSource {
  readonly attribute: string
  readonly part: MessagePart
  readonly optional: boolean
}

export const needsRequestBody = ({ set }: CaptureRule): boolean => set.some(({ part }) => part.of === 'form' || part.of === 'request.json')

export const needsResponseBody = ({ set, strip }: CaptureRule): boolean => set.some(({ part }) => part.of === 'json') || strip.some(({ of }) => of === 'json')
