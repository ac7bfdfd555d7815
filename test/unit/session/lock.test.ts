import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { LEASE_MS, Locks, type Turn } from '../../../src/session/lock.ts'
import { memoryStore } from '../../../src/store/memory.ts'
import type { SessionStore, StoreKey } from '../../../src/store/store.ts'

const KEY = 'k'.repeat(43) as StoreKey
const WAIT = 30_000
const busy = expect.objectContaining({ code: 'session_busy' })

let store: SessionStore
let here: Locks
let there: Locks

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date', 'performance'] })
  store = memoryStore({ clock: systemClock })
  // Two sidecars over one store.
  here = new Locks(store, systemClock)
  there = new Locks(store, systemClock)
  await store.commit(KEY, { mode: 'create', set: new Map([['a', Buffer.from('1')]]), remove: new Set(), lifetimeMs: 3_600_000, maxBytes: 1_000 })
})

afterEach(() => {
  expect(here.waiting + there.waiting).toBe(0)
  vi.useRealTimers()
})

const ask = (locks: Locks, waitMs = WAIT, signal = new AbortController().signal): Promise<Turn> => locks.open(KEY, {}, waitMs, signal)

async function giveBack({ opened, hold }: Turn): Promise<void> {
  if (!('lease' in opened) || opened.lease === undefined) throw new Error('there is no lease to give back')
  await store.release(KEY, opened.lease)
  hold?.end()
}

/** What has settled so far, in order. */
function watched(turns: Readonly<Record<string, Promise<Turn>>>): { readonly order: string[] } {
  const order: string[] = []
  for (const [name, turn] of Object.entries(turns)) turn.then(() => order.push(name), () => order.push(`${name} failed`))
  return { order }
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)

describe('the exclusive lease', () => {
  it('is granted at once when nobody has it', async () => {
    const turn = await ask(here)
    expect(turn.opened).toMatchObject({ state: 'record', lease: { fence: 1 } })
    await giveBack(turn)
  })

  it('is not granted for what is not there', async () => {
    const turn = await here.open('x'.repeat(43) as StoreKey, {}, WAIT, new AbortController().signal)
    expect(turn).toEqual({ opened: { state: 'absent' }, hold: undefined })
    await here.open('x'.repeat(43) as StoreKey, {}, 0, new AbortController().signal)
  })

  it('goes round in the order in which requests came, one at a time', async () => {
    const first = await ask(here)
    const [second, third, fourth] = [ask(here), ask(here), ask(here)]
    const { order } = watched({ second, third, fourth })
    await settled()
    expect([order, here.waiting]).toEqual([[], 3])
    await giveBack(first)
    await settled()
    expect([order, here.waiting]).toEqual([['second'], 2])
    await giveBack(await second)
    await settled()
    expect(order).toEqual(['second', 'third'])
    await giveBack(await third)
    await giveBack(await fourth)
    expect(order).toEqual(['second', 'third', 'fourth'])
  })

  describe('that one sidecar has had for a while', () => {
    it('is left alone for a moment, for those in others to hear that it is free', async () => {
      const first = await ask(here)
      const [second, third] = [ask(here), ask(here)]
      const { order } = watched({ second, third })
      await vi.advanceTimersByTimeAsync(200)
      await giveBack(first)
      await vi.advanceTimersByTimeAsync(9)
      expect(order).toEqual([])
      await vi.advanceTimersByTimeAsync(1)
      expect(order).toEqual(['second'])
      // From there on anew.
      await giveBack(await second)
      await settled()
      expect(order).toEqual(['second', 'third'])
      await giveBack(await third)
    })

    it('is left alone also by one who asks again at once, and not by one who comes later', async () => {
      for (const [idleMs, expected] of [[0, []], [10, ['again']]] as const) {
        const turn = await ask(here)
        await vi.advanceTimersByTimeAsync(200)
        await giveBack(turn)
        await vi.advanceTimersByTimeAsync(idleMs)
        const again = ask(here)
        const { order } = watched({ again })
        await settled()
        expect(order).toEqual(expected)
        await vi.advanceTimersByTimeAsync(10)
        await giveBack(await again)
        await vi.advanceTimersByTimeAsync(1_000)
      }
    })

    it('goes to whoever is first after that, and to nobody when all have given up', async () => {
      const first = await ask(here)
      const gone = new AbortController()
      const second = ask(here, WAIT, gone.signal)
      await vi.advanceTimersByTimeAsync(200)
      await giveBack(first)
      gone.abort()
      await expect(second).rejects.toThrow(busy)
      const third = ask(here)
      const { order } = watched({ third })
      await vi.advanceTimersByTimeAsync(10)
      expect(order).toEqual(['third'])
      await giveBack(await third)
    })

    it('is not kept waiting for by what comes to nothing', async () => {
      const first = await ask(here)
      const gone = new AbortController()
      const second = ask(here, WAIT, gone.signal)
      await vi.advanceTimersByTimeAsync(200)
      await giveBack(first)
      gone.abort()
      await expect(second).rejects.toThrow(busy)
      await vi.advanceTimersByTimeAsync(1_000)
      await giveBack(await ask(here))
    })
  })

  it('wakes a request in another sidecar when it is given back', async () => {
    const first = await ask(here)
    const second = ask(there)
    const { order } = watched({ second })
    await vi.advanceTimersByTimeAsync(1_000)
    expect(order).toEqual([])
    await giveBack(first)
    await settled()
    expect(order).toEqual(['second'])
    await giveBack(await second)
  })

  it('has a larger fence each time', async () => {
    const fences: number[] = []
    for (let i = 0; i < 3; i += 1) {
      const turn = await ask(i % 2 === 0 ? here : there)
      if ('lease' in turn.opened) fences.push(turn.opened.lease?.fence ?? 0)
      await giveBack(turn)
    }
    expect(fences).toEqual([1, 2, 3])
  })

  it('is renewed for as long as it is held', async () => {
    const first = await ask(here)
    const second = ask(there, 10 * LEASE_MS)
    const { order } = watched({ second })
    await vi.advanceTimersByTimeAsync(5 * LEASE_MS)
    expect(order).toEqual([])
    await giveBack(first)
    await giveBack(await second)
  })

  it('goes to the next when its holder is gone without a word', async () => {
    const killed = await ask(here)
    killed.hold?.end()
    const second = ask(there)
    const { order } = watched({ second })
    await vi.advanceTimersByTimeAsync(LEASE_MS - 1)
    expect(order).toEqual([])
    await vi.advanceTimersByTimeAsync(2)
    expect(order).toEqual(['second'])
    await giveBack(await second)
  })

  it('is renewed no more once it is lost', async () => {
    const first = await ask(here)
    await store.destroy(KEY, 60_000)
    const renew = vi.spyOn(store, 'renew')
    await vi.advanceTimersByTimeAsync(5 * LEASE_MS)
    expect(renew).toHaveBeenCalledTimes(1)
    first.hold?.end()
  })

  it('is asked for again when the store was away for a round', async () => {
    const first = await ask(here)
    const renew = vi.spyOn(store, 'renew').mockRejectedValueOnce(new Error('away'))
    await vi.advanceTimersByTimeAsync(LEASE_MS)
    expect(renew.mock.calls.length).toBeGreaterThanOrEqual(2)
    await expect(ask(there, 0)).rejects.toThrow(busy)
    await giveBack(first)
  })
})

describe('waiting for it', () => {
  it.each([['in this sidecar', () => here], ['in another one', () => there]])('ends with session_busy after the time to wait: %s', async (_, locks) => {
    const first = await ask(here)
    const late = ask(locks(), 5_000)
    const { order } = watched({ late })
    await vi.advanceTimersByTimeAsync(4_999)
    expect(order).toEqual([])
    await vi.advanceTimersByTimeAsync(1)
    await expect(late).rejects.toThrow(busy)
    await giveBack(first)
    await vi.advanceTimersByTimeAsync(10)
    await giveBack(await ask(here))
  })

  it.each([['in this sidecar', () => here], ['in another one', () => there]])('ends when the client hangs up: %s', async (_, locks) => {
    const first = await ask(here)
    const client = new AbortController()
    const left = ask(locks(), WAIT, client.signal)
    const { order } = watched({ left })
    await settled()
    client.abort()
    await settled()
    expect(order).toEqual(['left failed'])
    await expect(left).rejects.toThrow(busy)
    await giveBack(first)
  })

  it('is not begun for a client that has hung up already', async () => {
    const first = await ask(here)
    const left = ask(here, WAIT, AbortSignal.abort())
    const { order } = watched({ left })
    await settled()
    const seen = [...order]
    await giveBack(first)
    await left.then(giveBack, () => undefined)
    expect(seen).toEqual(['left failed'])
  })

  it('costs those behind nothing when one in the middle gives up', async () => {
    const first = await ask(here)
    const client = new AbortController()
    const [second, third, fourth] = [ask(here), ask(here, WAIT, client.signal), ask(here)]
    const { order } = watched({ second, third, fourth })
    await settled()
    client.abort()
    await settled()
    await giveBack(first)
    await giveBack(await second)
    await giveBack(await fourth)
    expect(order).toEqual(['third failed', 'second', 'fourth'])
  })

  it('for zero means to ask once', async () => {
    const first = await ask(here)
    await expect(ask(there, 0)).rejects.toThrow(busy)
    await giveBack(first)
    await giveBack(await ask(there, 0))
  })

  it('goes on for the next when the store fails the one before', async () => {
    const first = await ask(here)
    const [second, third] = [ask(here), ask(here)]
    const { order } = watched({ second, third })
    vi.spyOn(store, 'open').mockRejectedValueOnce(new Error('away'))
    await giveBack(first)
    await expect(second).rejects.toThrow('away')
    await giveBack(await third)
    expect(order).toEqual(['second failed', 'third'])
  })
})
