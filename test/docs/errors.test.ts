import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { RETRY_AFTER_S, STATUS } from '../../src/errors.ts'
import { ROOT } from './pages.ts'

/** The rows of the table in `page` whose first cell is a code: code and status. */
function rowsOf(page: string): [code: string, statuses: string][] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^\| `([a-z_]+)` \| (\d{3}(?:, \d{3})*) \|/gm)].map(([, code = '', statuses = '']) => [code, statuses])
}

describe('docs/operations.md', () => {
  test('has a row for each code of an answer, with its status', () => {
    const rows = rowsOf('docs/operations.md')
    expect(rows.map(([code]) => code).sort()).toEqual(Object.keys(STATUS).sort())
    // The one code with two: a header that is too large has a status of its own.
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(Object.entries(STATUS).map(([code, status]) => [code, code === 'too_large' ? '413, 431' : String(status)])))
  })

  test('says which answers ask to come again', () => {
    const text = readFileSync(join(ROOT, 'docs/operations.md'), 'utf8')
    const said: unknown[] = [.../^`Retry-After` comes with ([^.]+)\./m.exec(text)?.[1]?.matchAll(/`(\w+)`/g) ?? []].map(([, code]) => code)
    expect(new Set(said)).toEqual(new Set(Object.keys(RETRY_AFTER_S)))
  })
})
