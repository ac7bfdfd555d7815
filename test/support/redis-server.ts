/** Real Redis servers of a test: one, on loopback, with a folder of its own. */
import { Redis } from 'ioredis'
import type { RedisConfig } from '../../src/store/redis/client.ts'
import { freePort } from './ports.ts'
import { start } from './process.ts'
import type { Running } from './process.ts'
import { temporaryFolder } from './temporary-folder.ts'
import { until } from './until.ts'

export interface RedisServer {
  readonly port: number
  readonly config: RedisConfig
  /** A client for looking inside, which reconnects for as long as the server is meant to be up. */
  readonly control: Redis
  /** SIGKILL. The data stay as far as the server had written them. */
  kill(): Promise<void>
  /** After `kill`: on the same port, with the same folder. */
  restart(): Promise<void>
  /** SIGSTOP: connections stand, and nothing is answered, until `resume`. */
  pause(): Promise<void>
  resume(): void
  /** Stops it and removes its folder. */
  stop(): Promise<void>
}

/** `args`: more of the server's options, such as `--appendonly yes`. */
export async function startRedis(args: readonly string[] = [], port?: number): Promise<RedisServer> {
  const folder = await temporaryFolder()
  const at = port ?? await freePort()
  const launch = async (): Promise<Running> => start({
    name: `redis-server on port ${at}`,
    command: 'redis-server',
    args: ['--port', String(at), '--bind', '127.0.0.1', '--dir', folder.path, '--save', '', '--daemonize', 'no', ...args],
    ready: () => answersPing(at),
  })
  let running = await launch()
  const control = new Redis({ host: '127.0.0.1', port: at, retryStrategy: () => 20, maxRetriesPerRequest: null })
  control.on('error', () => { /* Expected while the server is down. */ })
  let paused: number | undefined
  const resume = (): void => {
    if (paused !== undefined) process.kill(paused, 'SIGCONT')
    paused = undefined
  }
  return {
    port: at,
    config: singleConfig(at),
    control,
    kill: () => running.kill(),
    restart: async () => { running = await launch() },
    pause: async () => {
      const pid = await pidOf(control)
      process.kill(pid, 'SIGSTOP')
      paused = pid
    },
    resume,
    stop: async () => {
      resume()
      control.disconnect()
      await running.stop()
      await folder[Symbol.asyncDispose]()
    },
  }
}

export function singleConfig(port: number): RedisConfig {
  return { kind: 'redis', mode: 'single', tls: false, nodes: [{ host: '127.0.0.1', port }], db: 0 }
}

/** Whether a server on that port answers as one that serves. */
export async function answersPing(port: number): Promise<boolean> {
  const probe = new Redis({ host: '127.0.0.1', port, retryStrategy: () => null, lazyConnect: true })
  probe.on('error', () => { /* Not up yet. */ })
  try {
    await probe.connect()
    return (await probe.ping()) === 'PONG'
  } finally {
    probe.disconnect()
  }
}

async function pidOf(control: Redis): Promise<number> {
  const pid = /process_id:(\d+)/.exec(await control.info('server'))?.[1]
  if (pid === undefined) throw new Error('the server does not tell its process id')
  return Number(pid)
}

/** Takes `ms` off every time that one session, or one subject's list, holds, and off the life of its key: as if it had been written earlier. */
const AGE = `
  if redis.call('TYPE', KEYS[1]).ok == 'zset' then
    for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZINCRBY', KEYS[1], '-' .. ARGV[1], member) end
  else for _, field in ipairs({ 'c', 'l', 'x', 'k', 't', 'u', 'd', 'g' }) do
    local at = redis.call('HGET', KEYS[1], field)
    if at and at ~= '0' then redis.call('HSET', KEYS[1], field, string.format('%.0f', tonumber(at) - tonumber(ARGV[1]))) end
  end end
  local left = redis.call('PTTL', KEYS[1])
  if left >= 0 then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', left - tonumber(ARGV[1]))) end
`

/** Ages all sessions on these servers, as far as they are masters. The store itself has no hook for it: its time is the server's. */
export async function age(controls: readonly Redis[], ms: number): Promise<void> {
  for (const control of controls) {
    if ((await control.role())[0] !== 'master') continue
    const pipeline = control.pipeline()
    for (const key of await control.keys('unstick:*')) pipeline.eval(AGE, 1, key, String(ms))
    for (const [error] of await pipeline.exec() ?? []) if (error !== null) throw error
  }
}

/** Resolves when a session's channel has so many subscribers on all servers, and no client asks them for anything any more. */
export async function quietWith(controls: readonly Redis[], subscribers: number, key: string): Promise<void> {
  const subscribed = async (control: Redis): Promise<number> => Number((await control.pubsub('NUMSUB', `unstick:${key}`))[1])
  await until(`${subscribers} subscribers`, async () =>
    (await Promise.all(controls.map(subscribed))).reduce((sum, n) => sum + n, 0) === subscribers, 5000)
  const ran = async (control: Redis): Promise<string> =>
    (await control.info('commandstats')).split('\n').filter((line) => /^cmdstat_(?:evalsha|eval|subscribe):/.test(line)).join()
  let before = ''
  await until('no commands', async () => {
    const last = before
    before = (await Promise.all(controls.map(ran))).join()
    return last === before
  }, 5000)
}
