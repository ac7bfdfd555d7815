import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { bodies } from './bodies.ts'
import { connections } from './connections.ts'
import { requests } from './requests.ts'
import { answers } from './responses.ts'
import { streams } from './streams.ts'
import { volumes } from './volumes.ts'
import { websockets } from './websockets.ts'

const page = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8')

/** The ids in the first column of the tables. */
const named = (text: string): string[] => text.split('\n').flatMap((line) => Array.from((/^\| ((?:`[a-z0-9-]+` ?)+)\|/.exec(line)?.[1] ?? '').matchAll(/`([a-z0-9-]+)`/g), ([, id]) => id ?? ''))

describe('docs/http.md', () => {
  const played = [...requests, ...answers, ...bodies, ...connections, ...streams]
  const [same = '', other = ''] = page.split('## Another way, and why')

  it('names every case that is played, once, and no other', () => {
    expect(named(page).sort()).toEqual([...new Set([...played, ...websockets, ...volumes].map(({ id }) => id))].sort())
  })

  it('says of each case whether it is the same', () => {
    const differing = played.filter((the) => 'differs' in the).map(({ id }) => id)
    // Its client is told the same; what its app is sent of a body that it has answered is said beside it.
    expect(named(other).sort()).toEqual(differing.filter((id) => id !== 'early-answer').sort())
    expect(named(same)).toContain('early-answer')
  })
})
