import type { Clock } from '../../src/clock.ts'

export interface TestClock extends Clock {
  advance(ms: number): void
}

/** A clock that moves only by hand. */
export function testClock(start = 1_700_000_000_000): TestClock {
  let time = start
  return { now: () => time, advance: (ms) => { time += ms } }
}
