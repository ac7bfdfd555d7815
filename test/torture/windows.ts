/** When errors may be answered: while something is down or stopped, and a moment longer. */

export class FaultWindows {
  readonly #windows: { readonly what: string; readonly from: number; until: number }[] = []

  /** Returns what to call when everything is up again. */
  open(what: string, from: number): (until: number) => void {
    const window = { what, from, until: Infinity }
    this.#windows.push(window)
    return (until) => { window.until = until }
  }

  /** Whether a request that ran from `from` to `to` may have met a fault. */
  excuses(from: number, to: number): boolean {
    return this.#windows.some((window) => window.from <= to && window.until >= from)
  }

  get count(): number {
    return this.#windows.length
  }

  /** When the last fault was over; `fallback` if there was none. */
  lastEnd(fallback: number): number {
    return Math.max(fallback, ...this.#windows.map(({ until }) => until))
  }

  /** For the story of a violation. */
  lines(since: number): string[] {
    return this.#windows.map(({ what, from, until }) => `${Math.round(from - since)}-${Math.round(until - since)} ${what}`)
  }
}
