/** What a carrier is: every carrier passes all of this, with real storage of an app where it has some. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Changes } from '../../src/carrier/carrier.ts'
import { exchange, stateAt, Visitor, type CarrierSubject, type Replica } from './carrier-subject.ts'

const sizeOf = (changes: readonly Changes[]): number => changes.reduce((sum, { set, remove }) => sum + set.size + remove.size, 0)

/** `setup` is called once; each test has visitors of its own. */
export function carrierSuite(name: string, setup: () => Promise<CarrierSubject>): void {
  describe(`the ${name} carrier`, () => {
    let subject: CarrierSubject | undefined
    beforeAll(async () => { subject = await setup() })
    afterAll(async () => { await subject?.close() })

    const given = (): { here: Replica; there: Replica; prefix: string } => {
      if (subject === undefined) throw new Error('the carrier was not set up')
      const [here, there] = subject.replicas
      return { here, there, prefix: subject.prefix }
    }

    carrying(given)
    ending(given)
    deltas(given)
  })
}

type Given = () => { here: Replica; there: Replica; prefix: string }

function carrying(given: Given): void {
  it('says when its changes are to be committed, the same on every replica', () => {
    const { here, there } = given()
    expect(['head', 'end']).toContain(here.carrier.commitPoint)
    expect(there.carrier.commitPoint).toBe(here.carrier.commitPoint)
  })

  it('takes state from the replica that made it to the other', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'cart1' })
    expect(await stateAt(there, visitor)).toBe('cart1')
    expect(await stateAt(here, visitor)).toBe('cart1')
  })

  it('lets each replica see what the other one wrote last', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    for (let i = 0; i < 20; i += 1) {
      const { found } = await exchange(i % 2 === 0 ? here : there, visitor, { write: `count${i}` })
      expect(found).toBe(i === 0 ? undefined : `count${i - 1}`)
    }
  })

  it('keeps visitors apart, also when they come at the same time', async () => {
    const { here, there } = given()
    const visitors = Array.from({ length: 20 }, () => new Visitor())
    await Promise.all(visitors.map((visitor, i) => exchange(i % 2 === 0 ? here : there, visitor, { write: `mine${i}` })))
    const found = await Promise.all(visitors.map((visitor, i) => stateAt(i % 3 === 0 ? here : there, visitor)))
    expect(found).toEqual(visitors.map((_, i) => `mine${i}`))
  })

  it('takes in what the app changed before its response broke off', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'half' }, 'broken')
    expect(await stateAt(there, visitor)).toBe('half')
  })
}

function ending(given: Given): void {
  it('brings state back nowhere once the app has ended it, also where an older copy lies', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'signedin' })
    expect(await stateAt(there, visitor)).toBe('signedin')
    await exchange(here, visitor, 'end')
    expect(await stateAt(there, visitor)).toBeUndefined()
    expect(await stateAt(here, visitor)).toBeUndefined()
  })

  it('leaves nothing in the session when the app has ended its state', async () => {
    const { here } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'signedin' })
    expect(visitor.entries.size).toBeGreaterThan(0)
    await exchange(here, visitor, 'end')
    expect([...visitor.entries.keys()]).toEqual([])
  })

  it('carries the state of a visitor who comes back after the end', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'first' })
    await exchange(there, visitor, 'end')
    await exchange(there, visitor, { write: 'second' })
    expect(await stateAt(here, visitor)).toBe('second')
  })
}

function deltas(given: Given): void {
  it('changes nothing for a visitor without state', async () => {
    const { here } = given()
    const visitor = new Visitor()
    const { found, changes } = await exchange(here, visitor)
    expect(found).toBeUndefined()
    expect(sizeOf(changes)).toBe(0)
  })

  it('changes nothing when the app changes nothing', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'steady' })
    for (const replica of [here, there, there, here]) expect(sizeOf((await exchange(replica, visitor)).changes)).toBe(0)
  })

  it('changes nothing for a request that never reached the app, and goes on after it', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'steady' })
    const unsent = await there.carrier.begin(visitor.view(), there.request(visitor))
    expect(sizeOf([await unsent.settle('unsent')])).toBe(0)
    expect(await stateAt(there, visitor)).toBe('steady')
  })

  it('settles a request that got no response', async () => {
    const { here } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'steady' })
    const broken = await here.carrier.begin(visitor.view(), here.request(visitor))
    expect(sizeOf([await broken.settle('broken')])).toBe(0)
  })

  it('names its entries by its own prefix, within the limit of a store, and never to be set and removed at once', async () => {
    const { here, prefix } = given()
    const visitor = new Visitor()
    for (const deed of [{ write: 'one' }, { write: 'two' }, 'end'] as const) {
      for (const { set, remove } of (await exchange(here, visitor, deed)).changes) {
        for (const entry of [...set.keys(), ...remove]) {
          expect(entry.startsWith(prefix)).toBe(true)
          expect(entry.length).toBeLessThanOrEqual(512)
        }
        expect([...set.keys()].filter((entry) => remove.has(entry))).toEqual([])
      }
    }
  })

  it('leaves the entries that it is given as they are', async () => {
    const { here, there } = given()
    const visitor = new Visitor()
    await exchange(here, visitor, { write: 'before' })
    const entries = new Map([...visitor.entries].map(([name, { value, expiresAt }]) => [name, { value: Uint8Array.from(value), expiresAt }]))
    const view = { ...visitor.view(), entries }
    const copy = structuredClone(entries)
    const request = there.request(visitor)
    const under = await there.carrier.begin(view, request)
    under.capture(there.serve(visitor, request, { write: 'after' }).response)
    await under.settle('complete')
    expect(entries).toEqual(copy)
  })
}
