import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { superviseRestarts, type Supervised } from '../../../src/demo/supervision.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** As much of a replica as is asked of it here; each start takes its next outcome. */
function replicaThat(...outcomes: (Error | undefined)[]): { replica: Supervised; starts: () => number } {
  let starts = 0
  const start = async (): Promise<void> => {
    const outcome = outcomes[starts++]
    if (outcome !== undefined) throw outcome
  }
  return { replica: { name: 'A', start, pidOf: () => 7 }, starts: () => starts }
}

test('a replica that died comes back after a while, once', async () => {
  const lines: string[] = []
  const { replica, starts } = replicaThat()
  const supervision = superviseRestarts((line) => lines.push(line), 5000)
  supervision.died(replica, 'app', [1])
  supervision.died(replica, 'sidecar', [2])
  await vi.advanceTimersByTimeAsync(4999)
  expect(starts()).toBe(0)
  await vi.advanceTimersByTimeAsync(20_000)
  expect(starts()).toBe(1)
  expect(lines).toEqual([
    'The app of replica A died (pid 1). Back in 5 s.',
    'The sidecar of replica A died (pid 2). Back in 5 s.',
    'Replica A is back: app pid 7, sidecar pid 7.',
  ])
})

test('one that does not start is told of and tried again', async () => {
  const lines: string[] = []
  const { replica, starts } = replicaThat(new Error('port taken'), undefined)
  superviseRestarts((line) => lines.push(line), 5000).died(replica, 'all', [1, 2])
  await vi.advanceTimersByTimeAsync(10_000)
  expect(starts()).toBe(2)
  expect(lines[1]).toContain('port taken')
  expect(lines[2]).toContain('is back')
})

test('nothing is restarted once the demo stops', async () => {
  const { replica, starts } = replicaThat()
  const supervision = superviseRestarts(() => undefined, 5000)
  supervision.died(replica, 'app', [1])
  supervision.stop()
  supervision.died(replica, 'sidecar', [2])
  await vi.advanceTimersByTimeAsync(20_000)
  expect(starts()).toBe(0)
})
