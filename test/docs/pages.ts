/** All pages that people read, by their path in the repository. */
import { globSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { type Page, parsePage } from './page.ts'

export const ROOT = resolve(import.meta.dirname, '../..')

export const PATHS: readonly string[] = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'helm/**/*.md', 'deploy/**/*.md'], { cwd: ROOT }).sort()

export function readPage(path: string): Page {
  return parsePage(readFileSync(join(ROOT, path), 'utf8'))
}
