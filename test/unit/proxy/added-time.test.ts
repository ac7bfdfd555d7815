import { expect, it } from 'vitest'
import { AddedTime } from '../../../src/proxy/added-time.ts'

it('is what passed while it ran, and nothing of what passed while it was stopped', () => {
  let now = 1_000
  const added = new AddedTime(() => now)
  now += 30
  expect(added.seconds).toBe(0.03)
  added.stop()
  // The app takes its time.
  now += 5_000
  expect(added.seconds).toBe(0.03)
  added.resume()
  now += 20
  added.stop()
  // The client takes its own.
  now += 7_000
  added.stop()
  expect(added.seconds).toBe(0.05)
})
