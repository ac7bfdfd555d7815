/** Milliseconds, of a duration or since the Unix epoch. */
export type Millis = number

/** Where code that runs in this process takes the time from; tests inject one that they move by hand. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): Millis
}

export const systemClock: Clock = { now: () => Date.now() }
