import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { examineConfig } from '../../src/config/load.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const FOLDER = resolve(import.meta.dirname, '..', '..', 'examples', 'systemd')

/** The unit, with the drop-in for session files or without, and a command that is on this machine in place of unstick's. */
function unit(folder: string, withFiles: boolean): string {
  const file = join(folder, 'unstick.service')
  const text = readFileSync(join(FOLDER, 'unstick.service'), 'utf8')
  expect(text).toContain('ExecStart=/usr/bin/unstick run')
  writeFileSync(file, text.replace('/usr/bin/unstick', '/bin/true'))
  if (withFiles) {
    mkdirSync(`${file}.d`)
    writeFileSync(join(`${file}.d`, 'files.conf'), readFileSync(join(FOLDER, 'files.conf')))
  }
  return file
}

describeWith(['systemd'], 'the systemd unit', () => {
  test.each([['by itself', false], ['with the drop-in for session files', true]])('verifies and is locked down, %s', async (_, withFiles) => {
    await using folder = await temporaryFolder()
    const file = unit(folder.path, withFiles)
    const analyze = async (...args: string[]): Promise<string> => {
      const { stdout, stderr } = await promisify(execFile)('systemd-analyze', ['--no-pager', ...args, file])
      return stdout + stderr
    }
    expect(await analyze('verify')).toBe('')
    // In tenths of 0 (locked down) to 10 (wide open); systemd itself calls what is under 2.0 OK.
    await expect(analyze('security', '--offline=true', '--threshold=20')).resolves.toContain('exposure level')
  })

  test('waits longer than the sidecar drains, and does not start what cannot be configured again and again', () => {
    const text = readFileSync(join(FOLDER, 'unstick.service'), 'utf8')
    const { config } = examineConfig({ file: join(FOLDER, 'unstick.yaml'), readFile })
    const [, stopSeconds] = /^TimeoutStopSec=(\d+)s$/m.exec(text) ?? []
    expect(Number(stopSeconds) * 1000).toBeGreaterThan((config?.limits.drainMs ?? Infinity) + 1000)
    expect(text).toContain('RestartPreventExitStatus=2')
  })

  test('comes with a configuration that reads the secret where systemd puts it', () => {
    const { problems } = examineConfig({ file: join(FOLDER, 'unstick.yaml'), readFile, env: {} })
    expect(problems).toEqual([])
    expect(readFileSync(join(FOLDER, 'unstick.service'), 'utf8')).toContain('LoadCredential=secret:')
  })
})

function readFile(path: string): string {
  return path === '/run/credentials/unstick.service/secret' ? 'a-secret-of-the-tests-of-32-characters-or-more' : readFileSync(path, 'utf8')
}
