/** The log: JSON lines in production, readable on a terminal. Nothing that a client could use as a key ever gets in. */
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino'
import pretty from 'pino-pretty'
import { UnstickError } from './errors.ts'

export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/**
 * `level`: pino's names. Errors are logged by code, message and cause; a request by method and path, never by its query,
 * headers or body, which may hold secrets.
 */
export function createLog(options: { level: string; terminal: boolean; colour: boolean; destination?: DestinationStream }): Logger {
  const { level, terminal, colour } = options
  const destination = options.destination ?? (terminal ? pretty({ colorize: colour, ignore: 'pid,hostname', destination: 2, sync: true }) : pino.destination(2))
  return pino({ level, base: null, serializers: { err: describe }, timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (label) => ({ level: label }) } }, destination)
}

/** An error in words: ours by code and message, with the messages of its causes; others by name, message and stack. */
export function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) }
  const causes: string[] = []
  for (let cause = error.cause; cause instanceof Error && causes.length < 5; cause = cause.cause) causes.push(wordsOf(cause))
  const because = causes.length === 0 ? {} : { because: causes }
  if (error instanceof UnstickError) {
    // A fault of our own has to be found, and only its stack tells where.
    const stack = error.code === 'internal' && error.cause instanceof Error ? { stack: error.cause.stack } : {}
    return { code: error.code, message: error.message, ...because, ...stack }
  }
  return { name: error.name, message: error.message, stack: error.stack, ...because }
}

/** A host with several addresses fails with an error for each, under one that says nothing itself. */
function wordsOf(error: Error): string {
  if (error.message !== '' || !(error instanceof AggregateError)) return error.message || error.name
  return error.errors.map((one) => (one instanceof Error ? one.message : String(one))).join('; ') || error.name
}
