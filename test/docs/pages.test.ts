import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startRedis } from '../support/redis-server.ts'
import { describeWith } from '../support/servers.ts'
import { flawsOf, isRun, isShell, unknownMetrics } from './block.ts'
import { PATHS, readPage, ROOT } from './pages.ts'
import { portsFor } from './ports.ts'
import { Sandbox } from './sandbox.ts'

describeWith(['redis', 'haproxy', 'flaskSession', 'helm'], 'the pages', () => {
  describe.each(PATHS)('%s', suite)
})

test('docs/README.md leads to every page of docs/', () => {
  const listed = new Set(readPage('docs/README.md').links.map(({ target }) => join('docs', target.split('#')[0] ?? '')))
  expect(PATHS.filter((path) => path.startsWith('docs/') && path !== 'docs/README.md' && !listed.has(path))).toEqual([])
})

function suite(path: string): void {
  const page = readPage(path)

  test('says of each block what it is, and each configuration is one', async () => {
    const flaws = await Promise.all(page.blocks.map(async (block) => (await flawsOf(block)).map((flaw) => `${path}:${block.line} ${flaw}`)))
    expect(flaws.flat()).toEqual([])
  })

  test('names metrics that there are', () => {
    expect(unknownMetrics(readFileSync(join(ROOT, path), 'utf8').replaceAll(/unstick_(process|nodejs)_\S*/g, ''))).toEqual([])
  })

  test('names the files that it has its readers write, where they see it', () => {
    const lines = readFileSync(join(ROOT, path), 'utf8').replaceAll(/<!--.*-->/g, '').split('\n')
    const unnamed = page.blocks.filter(({ marker, line }) => marker?.kind === 'file' && !lines.slice(0, line).join('\n').includes(marker.name))
    expect(unnamed.map(({ line }) => `${path}:${line}`)).toEqual([])
  })

  test('leads where its links say', () => {
    const broken = page.links.filter(({ target }) => !leads(path, target))
    expect(broken.map(({ line, target }) => `${path}:${line} ${target}`)).toEqual([])
  })

  const steps = page.blocks.filter(isRun)
  if (steps.length > 0) {
    const ways = [...new Set(page.blocks.map(({ way }) => way))].filter((way) => way !== undefined)
    test.each(ways.length > 0 ? ways : ['start to end'])('runs, every command of it: %s', async (taken) => {
      const ports = await portsFor(steps.map(({ text }) => text))
      const redis = steps.some(({ text }) => text.includes('6379')) ? await startRedis([], Number(ports('6379'))) : undefined
      try {
        await using sandbox = await Sandbox.make(ports)
        for (const block of steps.filter(({ way = taken }) => way === taken)) {
          if (block.marker?.kind === 'file') sandbox.write(block.marker.name, block.text)
          else if (isShell(block)) await sandbox.run(block).catch((error: unknown) => { throw new Error(`${path}:${block.line} ${String(error)}`, { cause: error }) })
        }
      } finally {
        await redis?.stop()
      }
    })
  }
}

/** Whether a link leads somewhere, as far as the repository goes. */
function leads(path: string, target: string): boolean {
  if (/^(https?|mailto):/.test(target)) return true
  const [file = '', anchor] = target.split('#')
  const to = file === '' ? path : join(dirname(path), file)
  if (!existsSync(join(ROOT, to))) return false
  return anchor === undefined || (to.endsWith('.md') && readPage(to).anchors.has(anchor))
}
