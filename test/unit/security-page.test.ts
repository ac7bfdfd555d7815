/** docs/security.md says which test stands for each promise. One that was renamed or taken out must take its promise along, or be replaced. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'

const DOCS = join(import.meta.dirname, '..', '..', 'docs')
const page = readFileSync(join(DOCS, 'security.md'), 'utf8')

/** `[name of the test](../test/file.ts)`, or with the name as the link's title, where the sentence is another. */
const links = [...page.matchAll(/\[([^\]]+)\]\((\.\.\/test\/[^)\s]+)(?: "([^"]+)")?\)/g)].map(([, text = '', path = '', title]) => ({ name: title ?? text, path }))

describe('the security page', () => {
  it('names tests', () => {
    expect(links.length).toBeGreaterThan(60)
  })

  it.each(links)('names one that is there: $name', ({ name, path }) => {
    const file = join(DOCS, path)
    expect(existsSync(file), path).toBe(true)
    const source = readFileSync(file, 'utf8')
    // In whichever quotes it stands, as the first argument of a test or a suite (of a table's rows, the one behind the table).
    const quoted = [`('${name.replaceAll("'", "\\'")}'`, `("${name}"`, `(\`${name}\``]
    expect(quoted.some((text) => source.includes(text)), `${path} has no test or suite of that name`).toBe(true)
  })

  it('has at least one for every promise', () => {
    const promises = page.split('\n- **').slice(1)
    expect(promises.length).toBeGreaterThan(25)
    for (const promise of promises) expect(promise.split('\n\n', 1)[0]).toContain('](../test/')
  })
})
