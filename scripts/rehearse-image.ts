/**
 * Rehearses the Dockerfile where no container engine is at hand: carries out its steps in an empty folder, then runs what came of it as an
 * unprivileged user in a read-only tree, as process 1. `npm run rehearse-image`, as root on Linux with bubblewrap.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { buildImage } from './image/build.ts'
import { Container } from './image/container.ts'

const folder = mkdtempSync(join(tmpdir(), 'unstick-image-'))
try {
  const image = buildImage(resolve(import.meta.dirname, '..'), join(folder, 'build'))
  const size = spawnSync('du', ['--summarize', '--human-readable', join(image.root, 'app')], { encoding: 'utf8' }).stdout.split('\t')[0]
  process.stdout.write(`built: ${size} beside the base image\n`)
  const { code, output } = await new Container(image, join(folder, 'volumes'), { command: process.argv.length > 2 ? process.argv.slice(2) : ['--version'] }).finished()
  process.stdout.write(output)
  process.exitCode = code ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
