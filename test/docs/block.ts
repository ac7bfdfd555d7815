/** What is done with each block of a page, by its language and its marker. */
import { existsSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import { metricNames } from './metric-names.ts'
import { problemsOf } from './configuration.ts'
import { valuesProblems } from './chart-values.ts'
import type { Block } from './page.ts'
import { ROOT } from './pages.ts'

const SHELL = new Set(['sh', 'bash', 'shell', 'console'])
const YAML = new Set(['yaml', 'yml'])

/** Shown, not done: what a program prints, or a file's tree. */
const SHOWN = new Set(['text'])

/** Whether the page's sandbox has to do something with it. */
export const isRun = ({ language, marker }: Block): boolean => marker?.kind === 'file' || (SHELL.has(language) && marker?.kind !== 'not run' && marker?.kind !== 'part of')

export const isShell = ({ language }: Block): boolean => SHELL.has(language)

/** What is wrong with a block that can be said without running it. */
export async function flawsOf({ language, text, marker, flaw }: Block): Promise<readonly string[]> {
  if (flaw !== undefined) return [flaw]
  if (language === '') return ['does not say its language; text is for what is only shown']
  if (marker?.kind === 'not run' || SHOWN.has(language)) return []
  if (marker?.kind === 'part of') return quoted(text, marker.path)
  if (marker?.kind === 'values of') return valuesProblems(text, marker.chart)
  if (language === 'promql') return unknownMetrics(text)
  if (YAML.has(language)) return problemsOf(text)
  if (SHELL.has(language) || marker?.kind === 'file') return []
  return [`is ${language}, which nothing here runs: show a part of a file that a test uses (<!-- docs: part of PATH -->), or say why it is not run (<!-- docs: not run: REASON -->)`]
}

/** Names that look like metrics of unstick and are none. */
export function unknownMetrics(text: string): readonly string[] {
  const known = metricNames()
  return [...text.matchAll(/\bunstick_\w+/g)].map(([name]) => name).filter((name) => !known.has(name)).map((name) => `names the metric ${name}, which there is not`)
}

function quoted(text: string, path: string): readonly string[] {
  const file = join(ROOT, path)
  if (normalize(path).startsWith('..') || !existsSync(file)) return [`is to be part of ${path}, which is not there`]
  return flat(readFileSync(file, 'utf8')).includes(flat(text)) ? [] : [`is not what ${path} says`]
}

/** Word for word; how far it is indented, and what stands behind a comment sign, does not matter. */
const flat = (text: string): string =>
  text.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('#')).join('\n')
