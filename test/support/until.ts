import { setTimeout as pause } from 'node:timers/promises'

/**
 * Asks `condition` again and again until it answers something truthy, and gives that back. After `withinMs` it throws with
 * `what` and, when there was one, the last error of `condition`; an error before that counts as "not yet".
 */
export async function until<T>(what: string, condition: () => T | Promise<T>, withinMs: number, details?: () => string): Promise<NonNullable<T>> {
  const deadline = performance.now() + withinMs
  let last: unknown
  while (performance.now() < deadline) {
    try {
      const answer = await condition()
      if (answer) return answer
    } catch (error) {
      last = error
    }
    await pause(20)
  }
  const seen = details?.() ?? ''
  throw new Error(`waited ${withinMs} ms in vain: ${what}${seen === '' ? '' : `\n${seen}`}`, { cause: last })
}
