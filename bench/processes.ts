/** Starting, measuring and stopping the processes of a benchmark. All on loopback, all stopped at the end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const running = new Set<ChildProcess>()

export function start(command: string, args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } })
  running.add(child)
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4_000) })
  child.once('exit', (code) => {
    running.delete(child)
    if (code !== 0 && code !== null) process.stderr.write(`${command} ended with ${code}:\n${said}\n`)
  })
  return child
}

export async function stopAll(): Promise<void> {
  await Promise.all([...running].map(async (child) => {
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    await gone
  }))
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

export async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    try {
      await (await fetch(url)).arrayBuffer()
      return
    } catch {
      // Not up yet: that is what this waits for.
      await new Promise((resolve) => { setTimeout(resolve, 50) })
    }
  }
  throw new Error(`${url} does not answer`)
}

/** Processor time that a process and its children have used so far, in microseconds. */
export function cpuMicros(pid: number): number {
  let ticks = 0
  for (const one of [pid, ...childrenOf(pid)]) {
    const fields = readFileSync(`/proc/${one}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
    ticks += Number(fields[11]) + Number(fields[12])
  }
  return ticks * 10_000
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((one) => {
    try {
      return readFileSync(`/proc/${one}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')[1] === String(pid)
    } catch {
      // It ended while we looked: then it is nobody's child.
      return false
    }
  })
}
