import { expect, it } from 'vitest'
import { Warnings } from '../../../src/proxy/warnings.ts'

it('says a thing at most once a minute, and of each peer', () => {
  let now = 0
  const said: string[] = []
  const warnings = new Warnings({ warn: (first: unknown, message?: string) => { said.push(message === undefined ? String(first) : `${JSON.stringify(first)} ${message}`) } }, { now: () => now })
  for (let i = 0; i < 3; i += 1) {
    warnings.tokenRefused()
    warnings.forwardingIgnored('172.18.0.3')
    warnings.forwardingIgnored('172.18.0.4')
    now += 30_000
  }
  expect(said.map((line) => line.slice(0, 21))).toEqual([
    'a token cookie did no', '{"peer":"172.18.0.3"}', '{"peer":"172.18.0.4"}', 'a token cookie did no', '{"peer":"172.18.0.3"}', '{"peer":"172.18.0.4"}',
  ])
})
