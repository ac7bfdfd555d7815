import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { render } from '../deploy/helm.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { ROOT } from './pages.ts'

/** What Helm says against a chart's values, or some of them on top of the least that it takes. */
export async function valuesProblems(values: string, chart: string): Promise<readonly string[]> {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'values.yaml')
  const least = parse(readFileSync(join(ROOT, 'test/deploy/values/php-redis.yaml'), 'utf8')) as Record<string, unknown>
  writeFileSync(file, stringify({ ...least, ...(parse(values) as Record<string, unknown>) }))
  // Not before it is done may the folder go.
  return await render(join(ROOT, chart), { values: file }).then(() => [], (error: unknown) => [String(error)])
}
