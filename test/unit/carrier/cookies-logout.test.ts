/** What an app takes away at a logout goes, also what another request has put there since this one opened the session. */
import { expect, it } from 'vitest'
import { vaultedApp } from './vaulted-app.ts'

const NAMES = ['sid', 'cart']
const expire = (name: string): string => `${name}=; Path=/; Max-Age=0`

it('removes a cookie that the app expires beside others, although this request has not seen it', async () => {
  const app = vaultedApp(NAMES)
  const added = await app.request(['cart=full; Path=/'])
  const [cart = ''] = added.changes.set.keys()
  const other = vaultedApp(NAMES)
  await other.request(['sid=1; Path=/'])
  const { changes } = await other.request([expire('sid'), expire('cart')])
  expect(changes.remove).toContain(cart)
  expect(changes.remove.size).toBe(2)
})

it('keeps what is set again in the same answer', async () => {
  const app = vaultedApp(NAMES)
  await app.request(['sid=1; Path=/'])
  const { changes } = await app.request([expire('sid'), expire('cart'), 'cart=new; Path=/'])
  expect(changes.set.size).toBe(1)
  expect(changes.remove.size).toBe(1)
})

it('writes nothing for an app that only ever expires what is not there', async () => {
  const app = vaultedApp(NAMES)
  await app.request(['sid=1; Path=/'])
  const { changes } = await app.request([expire('cart')])
  expect(changes.set.size + changes.remove.size).toBe(0)
})
