/**
 * What stands in for the base image: this machine's /usr, the Node that the repository pins, and an empty tree beside them. bubblewrap makes
 * them one root, so that commands meet the paths that the Dockerfile has. Needs root, which a container engine has too.
 */
import { copyFileSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { commandPath } from '../servers.ts'

const ROOT = resolve(import.meta.dirname, '..', '..')
const MERGED = ['bin', 'sbin', 'lib', 'lib64'] as const

export const BASE_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The base images that it can stand in for: Debian's, with Node. */
export const STANDS_FOR = /^node:[\d.]+-[a-z]+-slim$/

/** An empty root: where the machine's folders will be mounted, and the files that every base image has. */
export function emptyRoot(folder: string): void {
  for (const name of ['usr', 'proc', 'dev', 'tmp', 'etc', 'etc/ssl', 'root', 'var', '.base']) mkdirSync(join(folder, name), { recursive: true })
  for (const name of ['node', 'npm']) mkdirSync(join(folder, '.base', name))
  for (const name of MERGED) symlinkSync(`usr/${name}`, join(folder, name))
  writeFileSync(join(folder, 'etc', 'passwd'), 'root:x:0:0:root:/root:/bin/bash\nnode:x:1000:1000::/home/node:/bin/bash\n')
  writeFileSync(join(folder, 'etc', 'group'), 'root:x:0:\nnode:x:1000:\n')
  for (const name of ['resolv.conf', 'hosts', 'nsswitch.conf']) if (existsSync(join('/etc', name))) copyFileSync(join('/etc', name), join(folder, 'etc', name))
}

/** node and npm where the base image has them. */
export function baseCommands(folder: string): void {
  mkdirSync(folder, { recursive: true })
  symlinkSync('/.base/node/node', join(folder, 'node'))
  writeFileSync(join(folder, 'npm'), '#!/bin/sh\nexec node /.base/npm/bin/npm-cli.js "$@"\n', { mode: 0o755 })
}

/** Arguments of bwrap that make `root` the root of what it runs. */
export function rootArguments(root: string, commands: string, mode: 'writable' | 'read-only'): string[] {
  const npm = commandPath('npm')
  if (npm === undefined) throw new Error('there is no npm on the PATH')
  return [
    '--die-with-parent', mode === 'writable' ? '--bind' : '--ro-bind', root, '/',
    '--ro-bind', '/usr', '/usr', '--ro-bind', commands, '/usr/local/bin', '--ro-bind', '/etc/ssl', '/etc/ssl',
    '--ro-bind', join(ROOT, 'node_modules', 'node', 'bin'), '/.base/node', '--ro-bind', dirname(dirname(realpathSync(npm))), '/.base/npm',
    '--proc', '/proc', '--dev', '/dev',
  ]
}

/** Of this machine's environment, what a build needs to reach the registry. */
export function buildEnvironment(): Record<string, string> {
  const kept = Object.entries(process.env).filter(([name]) => /proxy$|cert|^npm_config_(registry|cafile|cache)$/i.test(name))
  return { ...(Object.fromEntries(kept) as Record<string, string>), PATH: BASE_PATH, HOME: '/root' }
}

/** What npm has fetched before, and how this machine has it fetch. */
export function npmArguments(): string[] {
  const cache = join(homedir(), '.npm')
  mkdirSync(cache, { recursive: true })
  const config = join(homedir(), '.npmrc')
  return ['--tmpfs', '/root', '--bind', cache, '/root/.npm', ...(existsSync(config) ? ['--ro-bind', config, '/root/.npmrc'] : [])]
}
