/** Durations and sizes as people write them. */
import type { Millis } from '../clock.ts'
import { right, wrong, type Parsed } from './parsed.ts'

const MILLIS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const
const BYTES = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const

export const DURATION = /^(\d{1,9})(ms|s|m|h)$/
export const SIZE = /^(\d{1,9})(B|KB|MB|GB)$/

/** `250ms`, `30s`, `5m`, `24h`: a whole number and its unit. */
export function parseDuration(text: string): Parsed<Millis> {
  const match = DURATION.exec(text)
  if (match === null) {
    const days = /^(\d{1,5})d$/.exec(text)
    const instead = /^\d{1,9}$/.test(text) ? `${text}s` : days === null ? undefined : `${Number(days[1]) * 24}h`
    return wrong('is not a duration', { allowed: 'such as 250ms 30s 5m 24h', ...(instead === undefined ? {} : { instead }) })
  }
  return right(Number(match[1]) * MILLIS[match[2] as keyof typeof MILLIS])
}

/** `512B`, `64KB`, `8MB`, `1GB`, in bytes; 1KB is 1024 bytes. */
export function parseSize(text: string): Parsed<number> {
  const match = SIZE.exec(text)
  if (match === null) {
    const upper = text.toUpperCase().replace(/^(\d+)([KMG])I?B?$/, '$1$2B')
    return wrong('is not a size', { allowed: 'such as 512B 64KB 8MB 1GB', ...(SIZE.test(upper) ? { instead: upper } : {}) })
  }
  return right(Number(match[1]) * BYTES[match[2] as keyof typeof BYTES])
}

/** A value between `min` and `max`, told in `unit` words when it is not. */
export function within<T extends number>(parsed: Parsed<T>, min: { value: number; text: string }, max?: { value: number; text: string }): Parsed<T> {
  if (!parsed.ok) return parsed
  if (parsed.value < min.value) return wrong('is too little', { allowed: `${min.text} or more` })
  if (max !== undefined && parsed.value > max.value) return wrong('is too much', { allowed: `at most ${max.text}` })
  return parsed
}

export function parseCount(text: string): Parsed<number> {
  return /^\d{1,9}$/.test(text) ? right(Number(text)) : wrong('is not a whole number')
}

export function parseFlag(text: string): Parsed<boolean> {
  if (text === 'true') return right(true)
  if (text === 'false') return right(false)
  return wrong('is neither true nor false', { allowed: 'true false' })
}
