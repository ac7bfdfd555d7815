import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../../src/config/load.ts'
import { sidecarYaml } from '../../../src/demo/sidecar-config.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

test('the generated configuration is one that unstick takes, and finds the id in the cookie of express-session', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'unstick.yaml')
  const plan = { port: 4001, adminPort: 4002, upstreamPort: 4003, database: join(folder.path, 'unstick.db'), sessions: join(folder.path, 'a'), secret: 'x'.repeat(43) }
  await writeFile(file, sidecarYaml(plan))
  const { config } = loadConfig({ file, overrides: {} })
  expect(config.listen).toEqual({ host: '127.0.0.1', port: 4001 })
  expect(config.store).toMatchObject({ kind: 'sqlite', path: plan.database })
  expect(config.carriers.files).toHaveLength(1)
  const [rule] = config.carriers.files
  const id = 'abcdefghijklmnopqrstuvwxyz-_0123'
  expect(rule?.cookie).toBe('connect.sid')
  expect(rule?.id?.exec(`s%3A${id}.c2lnbmF0dXJl`)?.[1]).toBe(id)
  expect(rule?.id?.exec('s%3A../../etc/passwd.c2lnbmF0dXJl')).toBeNull()
  expect(rule?.path).toBe(join(plan.sessions, '{id}.json'))
})
