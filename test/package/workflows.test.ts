import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import manifest from '../../package.json' with { type: 'json' }

const ROOT = resolve(import.meta.dirname, '../..')
const FOLDER = join(ROOT, '.github/workflows')
const WORKFLOWS = readdirSync(FOLDER)

interface Job {
  readonly permissions?: unknown
  readonly strategy?: { readonly matrix: { readonly node?: readonly number[] } }
  readonly steps?: readonly { readonly run?: string; readonly env?: Readonly<Record<string, string>> }[]
}

const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8')
const jobsOf = (name: string): Readonly<Record<string, Job>> => (parse(read(name)) as { jobs: Record<string, Job> }).jobs

describe.each(WORKFLOWS)('%s', (name) => {
  test('uses nothing of others but by its commit, with the version beside it', () => {
    const used = [...read(name).matchAll(/^\s*(?:-\s+)?uses:\s*(\S.*)$/gm)].map(([, text = '']) => text).filter((text) => !text.startsWith('./'))
    expect(used).not.toEqual([])
    for (const text of used) expect(text).toMatch(/^[\w-]+\/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
  })

  test('may do nothing that a job does not ask for', () => {
    expect(parse(read(name))).toMatchObject({ permissions: { contents: 'read' } })
  })
})

test('one commit for one action, in all workflows', () => {
  const pairs = WORKFLOWS.flatMap((name) => [...read(name).matchAll(/uses:\s*([\w-]+\/[\w.-]+)@(\S+)/g)].map(([, action = '', commit = '']) => [action, commit] as const))
  for (const [action, commit] of pairs) expect(new Set(pairs.filter(([other]) => other === action).map(([, each]) => each)), action).toEqual(new Set([commit]))
})

test('CI runs .ci/run on Node 22, 24 and 26, each on its own and not on the pinned one', () => {
  const { test: job } = jobsOf('ci.yml')
  expect(job?.strategy?.matrix.node).toEqual([22, 24, 26])
  expect(job?.steps?.find(({ run }) => run === '.ci/run')?.env).toEqual({ UNSTICK_TEST_NODE: '/usr/local/bin/node' })
})

test('the versions that a release compares are the same already', () => {
  expect(readFileSync(join(ROOT, 'helm/unstick/Chart.yaml'), 'utf8')).toMatch(new RegExp(`^version: ${manifest.version.replaceAll('.', '\\.')}$`, 'm'))
  expect(readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')).toMatch(new RegExp(`^## ${manifest.version.replaceAll('.', '\\.')} \\((?:unreleased|\\d{4}-\\d{2}-\\d{2})\\)$`, 'm'))
})
