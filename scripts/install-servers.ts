/**
 * Installs the servers that tests run against, where that can be done without asking: as root on Debian or Ubuntu.
 * Elsewhere it names what is missing and how to get it. It starts no service and changes no package that is there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { installTool } from './tools.ts'
import { installCommand, missingServers, SERVER_NAMES, serverNamed, type ServerName } from './servers.ts'

/** Installs what is missing if it may, and answers what is missing after it. */
export function installServers(): ServerName[] {
  const missing = missingServers(SERVER_NAMES)
  if (missing.length === 0) return []
  const packaged = missing.filter((name) => serverNamed(name).packages.length > 0)
  if (packaged.length > 0 && mayInstall()) {
    withoutStartingServices(() => { install(packaged) })
  }
  missingServers(missing).forEach(installOneTool)
  const left = missingServers(SERVER_NAMES)
  for (const name of left) {
    const { neededFor, optional } = serverNamed(name)
    say(`${name} is missing, for ${neededFor}${optional === true ? ' (optional)' : ''}`)
  }
  if (left.length > 0) say(`on Debian or Ubuntu, as root: ${installCommand(left)}`)
  return left
}

function install(names: readonly ServerName[]): void {
  const needed = names.filter((name) => serverNamed(name).optional !== true)
  const optional = names.filter((name) => serverNamed(name).optional === true)
  say(`installing ${names.join(', ')} with apt-get`)
  if (!apt('update')) say('apt-get update failed; trying with the package lists that are here')
  // One by one where all at once fails: one package that a release does not have must not cost the others.
  if (needed.length > 0 && !aptInstall(needed)) needed.forEach((name) => aptInstall([name]))
  optional.forEach((name) => aptInstall([name]))
}

/** Needs no right of root, but the packages that it builds on. */
function installOneTool(name: ServerName): void {
  const { tool } = serverNamed(name)
  if (tool === undefined) return
  say(`installing ${name} into the folder of tools${tool === 'helm' ? ': it is built, which takes some minutes, once' : ''}`)
  if (!installTool(tool)) say(`${name} could not be installed`)
}

function aptInstall(names: readonly ServerName[]): boolean {
  const done = apt('install', '--yes', '--no-install-recommends', ...names.flatMap((name) => serverNamed(name).packages))
  if (!done) say(`apt-get could not install ${names.join(', ')}`)
  return done
}

function apt(...args: string[]): boolean {
  const { status } = spawnSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Dpkg::Use-Pty=0', ...args], {
    // Standard output is for the results of the tests.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', UCF_FORCE_CONFFOLD: '1' },
  })
  return status === 0
}

const POLICY = '/usr/sbin/policy-rc.d'

/** Debian's packages ask this file whether they may start what they bring; 101 says no. One that is there stays as it is. */
function withoutStartingServices(work: () => void): void {
  const ours = !existsSync(POLICY)
  if (ours) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    work()
  } finally {
    if (ours) rmSync(POLICY, { force: true })
  }
}

function mayInstall(): boolean {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(release)
}

function say(message: string): void {
  process.stderr.write(`unstick: ${message}\n`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const left = installServers()
  process.exitCode = left.every((name) => serverNamed(name).optional === true) ? 0 : 1
}
