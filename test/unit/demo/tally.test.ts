import { stripVTControlCharacters } from 'node:util'
import { expect, test } from 'vitest'
import { brokenPromises, tallyOf } from '../../../src/demo/tally.ts'
import type { Experience } from '../../../src/demo/visitor.ts'
import { conclusion, storyTable } from '../../../src/demo/words.ts'

const times = (count: number, one: Experience): Experience[] => Array.from({ length: count }, () => one)
const kept = (replica: string): Experience => ({ replica, verdict: 'kept', user: 'Ada', pieces: 1 })
const lost: Experience = { replica: 'B', verdict: 'lost', user: undefined, pieces: 0 }
const unanswered: Experience = { replica: undefined, verdict: 'failed', user: undefined, pieces: 0 }

const whole = tallyOf([...times(10, kept('A')), ...times(10, kept('B'))], times(20, kept('B')))
const holed = tallyOf([...times(10, kept('A')), ...times(10, lost)], times(20, lost))

test('a tally counts who answered and what was kept, before and after the kill', () => {
  expect(holed).toEqual({
    requests: 40,
    by: new Map([['A', 10], ['B', 30]]),
    kept: 10,
    loggedOut: 30,
    failed: 0,
    afterKill: { requests: 20, cartIntact: 0 },
  })
})

test('a request without an answer is neither kept nor logged out', () => {
  expect(tallyOf([unanswered], [])).toMatchObject({ requests: 1, kept: 0, loggedOut: 0, failed: 1 })
})

test('the promise holds when all is kept with unstick and some is lost without', () => {
  expect(brokenPromises(whole, holed)).toEqual([])
})

test.each([
  ['one session is lost with unstick', tallyOf([...times(39, kept('A')), lost], []), holed, 'did not keep'],
  ['one request is not answered with unstick', tallyOf([kept('A'), kept('B'), unanswered], []), holed, 'did not keep'],
  ['one replica gave all the answers', tallyOf(times(40, kept('A')), []), holed, 'one replica'],
  ['nothing is lost without unstick', whole, whole, 'no session was lost'],
])('the promise is broken when %s', (_, withUnstick, without, sentence) => {
  expect(brokenPromises(withUnstick, without).join()).toContain(sentence)
})

test('the table fits 80 columns and has each figure beside its name', () => {
  const plain = storyTable({ withUnstick: whole, without: holed }, (_, text) => text)
  expect(plain).toMatch(/session kept +40 +10\n/)
  expect(plain).toMatch(/cart intact after the kill +20 of 20 +0 of 20\n/)
  expect(Math.max(...plain.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
  expect(conclusion({ withUnstick: whole, without: holed }).length).toBeLessThanOrEqual(80)
})

test('colours change no column', () => {
  const plain = storyTable({ withUnstick: whole, without: holed }, (_, text) => text)
  const painted = storyTable({ withUnstick: whole, without: holed }, (_, text) => `\u001b[32m${text}\u001b[39m`)
  expect(painted).not.toBe(plain)
  expect(stripVTControlCharacters(painted)).toBe(plain)
})
