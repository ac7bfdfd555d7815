import { createServer } from 'node:http'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePorts, listen } from '../../src/demo/ports.ts'
import { Stack } from '../../src/demo/stack.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { until } from '../support/until.ts'
import { DemoRun } from './demo-run.ts'

describe('unstick demo --once', () => {
  test('keeps every session with unstick, loses some without, and leaves nothing behind', async () => {
    await using demo = await DemoRun.start('--once')
    expect(await demo.ended, demo.stdout + demo.stderr).toEqual({ code: 0, signal: null })
    expect(demo.stdout).toMatch(/requests +40 +40\n/)
    expect(demo.stdout).toMatch(/answered by A +15 +15\n/)
    expect(demo.stdout).toMatch(/answered by B +25 +25\n/)
    expect(demo.stdout).toMatch(/session kept +40 +10\n/)
    expect(demo.stdout).toMatch(/logged out +0 +30\n/)
    expect(demo.stdout).toMatch(/no answer +0 +0\n/)
    expect(demo.stdout).toMatch(/cart intact after the kill +20 of 20 +0 of 20\n/)
    expect(Math.max(...demo.stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
    expect(demo.stdout).not.toContain('\u001b')
    await demo.gone()
  })
})

describe('unstick demo', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends it with 0 and leaves nothing behind', async (signal) => {
    await using demo = await DemoRun.start('--port', '0')
    const { withUnstick, without } = await demo.addresses()
    for (const address of [withUnstick, without]) expect((await fetch(address)).status).toBe(200)
    expect(demo.pids.length).toBe(4)
    demo.kill(signal)
    expect(await demo.ended, demo.stdout + demo.stderr).toEqual({ code: 0, signal: null })
    await demo.gone()
  })

  test('a signal while it starts leaves nothing behind', async () => {
    await using demo = await DemoRun.start('--port', '0')
    await until('it starts', () => demo.stdout.includes('Starting'), 20_000)
    demo.kill('SIGINT')
    expect(await demo.ended, demo.stdout + demo.stderr).toEqual({ code: 0, signal: null })
    await demo.gone()
  })

  test('its children do not outlive it, even when it is killed', async () => {
    await using demo = await DemoRun.start('--port', '0')
    await demo.addresses()
    demo.kill('SIGKILL')
    await demo.ended
    await demo.gone()
  })

  test('a replica that is killed by its pid comes back', async () => {
    await using demo = await DemoRun.start('--port', '0')
    const { withUnstick } = await demo.addresses()
    process.kill(demo.pids[0] ?? 0, 'SIGKILL')
    await until('its death is told', () => demo.stdout.includes('The app of replica A died'), 10_000)
    // The sidecar of A is up and its app is not: the balancer goes to B.
    for (let left = 4; left > 0; left--) expect(await (await fetch(`${withUnstick}/whoami`)).json()).toMatchObject({ replica: 'B' })
    await until('it is back', () => demo.stdout.includes('Replica A is back'), 20_000)
    const replicas = [await fetch(`${withUnstick}/whoami`), await fetch(`${withUnstick}/whoami`)].map(async (answer) => ((await answer.json()) as { replica: string }).replica)
    expect((await Promise.all(replicas)).sort()).toEqual(['A', 'B'])
  })

  test('a port that is taken is named, and nothing is left behind', async () => {
    const squatter = createServer()
    const port = await listen(squatter, 0)
    await using demo = await DemoRun.start('--port', String(port))
    expect(await demo.ended).toEqual({ code: 1, signal: null })
    expect(demo.stderr).toContain(`Port ${port} cannot be used`)
    squatter.close()
    await demo.gone()
  })

  test('a sidecar that does not start is named with its last words, and nothing is left behind', async () => {
    await using folder = await temporaryFolder()
    const cli = join(folder.path, 'broken.js')
    await writeFile(cli, `console.error('no luck today'); process.exit(3)`)
    const [port] = await freePorts(1)
    let path = ''
    const started = Stack.start({ port, cli, events: { died: () => undefined } }, (stack) => {
      path = stack.folder
    })
    await expect(started).rejects.toMatchObject({ code: 'start_failed', message: expect.stringMatching(/The sidecar of replica [AB] ended with exit code 3 before .*\n  \| no luck today/s) })
    await expect(readdir(path)).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(fetch(`http://127.0.0.1:${port}`)).rejects.toThrow()
  })
})
