/**
 * The one error type of unstick and its closed set of codes. Absent, conflict and busy are values, not errors:
 * what is thrown here is a fault that somebody has to hear about.
 */

/** Codes that a client can see, in the `Unstick-Error` header, with the status each is answered with. */
export const STATUS = {
  bad_request: 400,
  too_large: 413,
  upstream_unreachable: 502,
  upstream_broke: 502,
  store_unavailable: 503,
  session_busy: 503,
  draining: 503,
  upstream_timeout: 504,
  /** A fault in unstick itself: never expected, and logged with all that is known. */
  internal: 500,
} as const

export type AnswerCode = keyof typeof STATUS

/** Why an answer was cut off that had begun as it should: for the log and the metrics, since its client has its head already. */
export type CutCode = 'session_ended'

/** Codes that only an operator meets: they end the process before it listens. */
export type OperatorCode = 'config_invalid' | 'not_supported' | 'start_failed'

export type ErrorCode = AnswerCode | CutCode | OperatorCode

/** Seconds after which a client may try again, for the codes where trying again can help. */
export const RETRY_AFTER_S: Partial<Record<ErrorCode, number>> = {
  store_unavailable: 2,
  session_busy: 1,
  draining: 1,
}

/** What visitors are told where the message is for operators: no addresses, no folders, no word of secrets. */
const PUBLIC: Partial<Record<ErrorCode, string>> = {
  store_unavailable: 'Your session cannot be reached right now. Please try again.',
  upstream_unreachable: 'This site cannot be reached right now. Please try again.',
  upstream_broke: 'This site broke off in the middle of its answer.',
  upstream_timeout: 'This site did not answer in time.',
  internal: 'Something went wrong here. Please try again.',
}

/**
 * A fault with a code. `message` says what happened, to what, and what to do, for the log; `publicMessage` is for a client. Neither
 * ever holds a token, a cookie value or session content.
 */
export class UnstickError extends Error {
  override readonly name = 'UnstickError'
  readonly code: ErrorCode
  /** Overrides the code's usual status: 431 instead of 413 where the header was what was too large. */
  readonly status: number

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.status = options.status ?? (code in STATUS ? STATUS[code as AnswerCode] : 500)
  }

  get publicMessage(): string {
    return PUBLIC[this.code] ?? this.message
  }
}

/** `error` as it is when it is ours, else wrapped under `code`, so that callers deal with one type. */
export function asUnstickError(error: unknown, code: ErrorCode, message: string): UnstickError {
  return error instanceof UnstickError ? error : new UnstickError(code, message, { cause: error })
}
