import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { SERVERS } from '../../scripts/servers.ts'
import { ROOT } from './pages.ts'

const PACKAGES: ReadonlySet<string> = new Set(Object.values(SERVERS).flatMap(({ packages }) => packages))

/** Folder and needs of each row of the table of examples. */
const ROWS = [...readFileSync(join(ROOT, 'examples/README.md'), 'utf8').matchAll(/^\| \[([\w-]+)\]\(.*\| ([^|]+) \|$/gm)].map(([, folder = '', needs = '']) => [folder, needs] as const)

test('examples/README.md says of each app what it needs, by the names of packages that the tests install', () => {
  const apps = globSync('examples/*/{app,manage,index,config,httpd,server,php}*', { cwd: ROOT }).map((path) => dirname(path).replace('examples/', ''))
  expect(new Set(ROWS.map(([folder]) => folder))).toEqual(new Set(apps.filter((folder) => folder !== 'compose')))
  for (const [folder, needs] of ROWS) {
    const named = [...needs.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name).filter((name) => !name.startsWith('npm '))
    expect(named.filter((name) => !PACKAGES.has(name)), folder).toEqual([])
    if (named.length === 0) expect(needs, folder).toMatch(/^(nothing more|`npm ci` in the folder)$/)
  }
})
