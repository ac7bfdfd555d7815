import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { judge } from '../../../src/demo/shop/judge.ts'

const ada = { user: 'Ada', pieces: 2 }
const nobody = { user: null, pieces: 0 }

test('an answer that knows the visitor and the whole cart has kept the session', () => {
  expect(judge(ada, 'read', { user: 'Ada', pieces: 2 })).toEqual({ verdict: 'kept', next: ada })
  expect(judge(ada, 'cart', { user: 'Ada', pieces: 3 })).toEqual({ verdict: 'kept', next: { user: 'Ada', pieces: 3 } })
})

test.each([
  ['nobody', nobody],
  ['another visitor', { user: 'Bob', pieces: 2 }],
  ['the visitor with less in the cart', { user: 'Ada', pieces: 1 }],
])('an answer that knows %s has lost it, and what is expected stays', (_, answer) => {
  expect(judge(ada, 'read', answer)).toEqual({ verdict: 'lost', next: ada })
})

test('before a login there is nothing to lose', () => {
  expect(judge(undefined, 'read', nobody)).toEqual({ verdict: 'new', next: undefined })
  expect(judge(undefined, 'login', { user: 'Ada', pieces: 0 })).toEqual({ verdict: 'new', next: { user: 'Ada', pieces: 0 } })
})

test('having to log in again and finding the cart empty is a loss, once', () => {
  expect(judge(ada, 'login', { user: 'Ada', pieces: 0 })).toEqual({ verdict: 'lost', next: { user: 'Ada', pieces: 0 } })
})

test('a logout ends what is expected', () => {
  expect(judge(ada, 'logout', nobody)).toEqual({ verdict: 'new', next: undefined })
})

test('its source stands alone, as the page needs it', () => {
  const alone = runInNewContext(`(${judge.toString()})`) as typeof judge
  expect(alone(ada, 'read', nobody).verdict).toBe('lost')
})
