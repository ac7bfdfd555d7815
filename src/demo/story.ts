/** The story of `demo --once`: the same visitor at both addresses at once, and one replica killed under both. */
import { UnstickError } from '../errors.ts'
import type { Stack } from './stack.ts'
import { urlOf } from './stage-texts.ts'
import { tallyOf, type Tally } from './tally.ts'
import { Visitor, type Experience } from './visitor.ts'

export interface Story {
  readonly withUnstick: Tally
  readonly without: Tally
}

/** Requests until the kill, while the replica is gone, and after it has come back: 40 in all. */
const BEFORE = 20
const WHILE_DOWN = 10
const AFTER = 10
const VICTIM = 'A'
const PANS = ['frying', 'wok', 'saucepan']

/** Plays it; `tell` gets a line for each step. Throws `start_failed` when the killed replica does not come back. */
export async function playStory(stack: Stack, tell: (line: string) => void): Promise<Story> {
  const visitors = [new Visitor(urlOf(stack.ports.withUnstick)), new Visitor(urlOf(stack.ports.without))] as const
  const both = <T>(work: (visitor: Visitor) => Promise<T>): Promise<[T, T]> => Promise.all([work(visitors[0]), work(visitors[1])])
  const looks = (count: number) => both((visitor) => look(visitor, count))

  await both(enter)
  tell('Ada logs in and fills a cart, at both addresses.')
  const before = await looks(BEFORE)
  tell(`${BEFORE} requests at each, in turn to replica A and replica B.`)

  const victim = stack.replicas.find((replica) => replica.name === VICTIM)
  if (victim === undefined) throw new UnstickError('start_failed', `There is no replica ${VICTIM} to kill.`)
  const pids = [victim.pidOf('app'), victim.pidOf('sidecar')].join(' ')
  await stack.kill(VICTIM)
  tell(`kill -9 ${pids}: replica A, its sidecar and its files are gone.`)
  const down = await looks(WHILE_DOWN)
  tell(`${WHILE_DOWN} requests at each, while only replica B is there.`)
  await victim.start()
  tell('Replica A is back, with an empty session folder.')
  const after = await looks(AFTER)
  tell(`${AFTER} requests at each, again to both.`)

  return {
    withUnstick: tallyOf(before[0], [...down[0], ...after[0]]),
    without: tallyOf(before[1], [...down[1], ...after[1]]),
  }
}

async function enter(visitor: Visitor): Promise<void> {
  await visitor.login('Ada')
  for (const pan of PANS) await visitor.addToCart(pan)
}

async function look(visitor: Visitor, count: number): Promise<Experience[]> {
  const experiences: Experience[] = []
  for (let left = count; left > 0; left--) experiences.push(await visitor.look())
  return experiences
}
