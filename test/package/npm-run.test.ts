/** What npm starts ends with it: in a clone, `npm run unstick` is how a sidecar is run. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { expect, it } from 'vitest'
import { until } from '../support/until.ts'

const ROOT = resolve(import.meta.dirname, '../..')

it('a sidecar that npm runs is stopped, and not left behind, by a SIGTERM to npm', async () => {
  const npm = spawn('npm', ['run', '-s', 'unstick', '--', 'run', '--app', 'php', '--upstream', 'http://127.0.0.1:9', '--store', 'memory:', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [npm.stdout, npm.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { said += text })
  // Its output ends with the last process that has it.
  const over = Promise.all([once(npm.stdout, 'end'), once(npm.stderr, 'end')])
  await until('the sidecar is ready', () => said.includes('unstick is ready'), 60_000, () => said)
  npm.kill('SIGTERM')
  await over
  expect(said).toContain('unstick has stopped')
})
