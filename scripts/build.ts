/**
 * Builds what is published into dist/: src/ as JavaScript, because Node strips no types below node_modules, and beside it what is
 * read at run time. The folder is made anew, so that nothing of an older build is published with it.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, rmSync } from 'node:fs'
import { extname, join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
const SRC = join(ROOT, 'src')
const DIST = join(ROOT, 'dist')

rmSync(DIST, { recursive: true, force: true })
const { status, error } = spawnSync('tsc', ['--project', join(ROOT, 'tsconfig.build.json')], { stdio: 'inherit' })
if (status !== 0) {
  if (error !== undefined) console.error(`tsc could not be run (${error.message}): use \`npm run build\`, which brings it`)
  process.exit(1)
}
// Whatever is no TypeScript is read as it is, such as the Lua scripts of the Redis store.
cpSync(SRC, DIST, { recursive: true, filter: (path) => extname(path) !== '.ts' })
chmodSync(join(DIST, 'cli.js'), 0o755)
