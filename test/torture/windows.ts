/** When errors may be answered: while something is down or stopped, and a moment longer. */

/** After a process is back: what was refused on the way may still be told. */
export const AFTERMATH_MS = 1_500

export class FaultWindows {
  readonly #windows: { readonly what: string; readonly from: number; until: number; readonly harms: boolean }[] = []

  /** Returns what to call when everything is up again. `harms`: leases may be left behind that nobody gives back. */
  open(what: string, from: number, harms: boolean): (until: number) => void {
    const window = { what, from, until: Infinity, harms }
    this.#windows.push(window)
    return (until) => { window.until = until }
  }

  /** Whether a request that ran from `from` to `to` may have met a fault. */
  excuses(from: number, to: number): boolean {
    return this.#windows.some((window) => window.from <= to && window.until >= from)
  }

  /** When the last fault was over that may have left leases behind; undefined: there was none. */
  get lastHarm(): number | undefined {
    return this.#windows.findLast(({ harms }) => harms)?.until
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
