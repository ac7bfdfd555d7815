/** A log that keeps what is told to it, for tests of what people are told. */
export interface KeptLog {
  readonly lines: { readonly level: 'warn' | 'error'; readonly detail: object; readonly message: string }[]
  warn(detail: object, message: string): void
  error(detail: object, message: string): void
  /** All of it as one text, to look for what must not be in it. */
  text(): string
}

export function keptLog(): KeptLog {
  const lines: KeptLog['lines'] = []
  return {
    lines,
    warn: (detail, message) => { lines.push({ level: 'warn', detail, message }) },
    error: (detail, message) => { lines.push({ level: 'error', detail, message }) },
    text: () => JSON.stringify(lines),
  }
}
