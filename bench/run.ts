/**
 * `npm run bench`: what unstick costs beside a bare nginx proxy_pass, in one run on one machine. Rounds go in turn over all subjects,
 * so that a machine that slows down slows all of them. Writes docs/benchmarks.md with `--write`.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { GENERATOR, type Load, type Measured, measure, median } from './load.ts'
import { answers, freePort, start, stopAll } from './processes.ts'
import { report } from './report.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 4)
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const only = process.env.BENCH_ONLY?.split(',')
const CONNECTIONS = 16
const cli = join(import.meta.dirname, '..', 'src', 'cli.ts')
const folder = mkdtempSync(join(tmpdir(), 'unstick-bench-'))

function nginx(port: number, name: string, server: string): number {
  const prefix = mkdtempSync(join(folder, `${name}-`))
  writeFileSync(join(prefix, 'nginx.conf'), `
daemon off; worker_processes 1; pid ${prefix}/nginx.pid; error_log ${prefix}/error.log;
events { worker_connections 1024; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path ${prefix}/b; proxy_temp_path ${prefix}/p; fastcgi_temp_path ${prefix}/f; uwsgi_temp_path ${prefix}/u; scgi_temp_path ${prefix}/s;
  ${server.replaceAll('PORT', String(port))}
}
`)
  const child = start('nginx', ['-p', prefix, '-c', join(prefix, 'nginx.conf')])
  return pidOf(child.pid)
}

/** The app: 113 bytes of answer, and a login that sets a session cookie. */
const APP = `
  server {
    listen 127.0.0.1:PORT;
    location / { default_type text/plain; return 200 "${'x'.repeat(113)}"; }
    location /login { add_header Set-Cookie "session=${'s'.repeat(200)}; Path=/; HttpOnly"; return 200 "in"; }
  }`

const pidOf = (pid: number | undefined): number => {
  if (pid === undefined) throw new Error('a process did not start')
  return pid
}

async function unstick(app: number, store: string): Promise<{ port: number; pid: number }> {
  const [port, admin] = [await freePort(), await freePort()]
  const file = join(folder, `unstick-${port}.yaml`)
  writeFileSync(file, `
listen: 127.0.0.1:${port}
upstream: http://127.0.0.1:${app}
store: ${store}
secret: [benchmark-secret-benchmark-secret-benchmark]
carriers: { cookies: { names: [session] } }
admin: { listen: "127.0.0.1:${admin}" }
`)
  const child = start(process.execPath, [cli, 'run', '-c', file])
  await answers(`http://127.0.0.1:${port}/`)
  return { port, pid: pidOf(child.pid) }
}

/** Logs in and gives the Cookie header of a client that has done so. */
async function loggedIn(port: number): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${port}/login`)
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
  if (cookie === undefined) throw new Error('the login set no cookie')
  return cookie
}

async function subjects(): Promise<Map<string, Load>> {
  const load = { seconds, connections: CONNECTIONS }
  const list = new Map<string, Load>()
  const [app, proxy, redis] = [await freePort(), await freePort(), await freePort()]
  const appPid = nginx(app, 'app', APP)
  await answers(`http://127.0.0.1:${app}/`)
  list.set('the app directly', { ...load, url: `http://127.0.0.1:${app}/`, pid: appPid })

  const proxyPid = nginx(proxy, 'proxy', `
    upstream app { server 127.0.0.1:${app}; keepalive 64; }
    server { listen 127.0.0.1:PORT; location / { proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection ""; } }`)
  await answers(`http://127.0.0.1:${proxy}/`)
  list.set('nginx proxy_pass', { ...load, url: `http://127.0.0.1:${proxy}/`, pid: proxyPid })

  const plain = await unstick(app, 'memory:')
  list.set('unstick, no session', { ...load, url: `http://127.0.0.1:${plain.port}/`, pid: plain.pid })

  const sqlite = await unstick(app, `sqlite:${join(folder, 'sessions.db')}`)
  list.set('unstick, unchanged session, sqlite', { ...load, url: `http://127.0.0.1:${sqlite.port}/`, pid: sqlite.pid, headers: { Cookie: await loggedIn(sqlite.port) } })

  start('redis-server', ['--port', String(redis), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'])
  const shared = await unstick(app, `redis://127.0.0.1:${redis}`)
  list.set('unstick, unchanged session, redis', { ...load, url: `http://127.0.0.1:${shared.port}/`, pid: shared.pid, headers: { Cookie: await loggedIn(shared.port) } })
  return list
}

try {
  const measured = new Map<string, Measured[]>()
  const all = await subjects()
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, load] of all) {
      if (only !== undefined && !only.some((part) => name.includes(part))) continue
      const result = measure(round === 0 ? { ...load, seconds: 2 } : load)
      // Round 0 warms up: compilers, caches, connections.
      if (round > 0) measured.set(name, [...(measured.get(name) ?? []), result])
    }
  }
  const text = report(new Map([...measured].map(([name, results]) => [name, median(results)])), { seconds, rounds, connections: CONNECTIONS, cores: cpus().length, generator: GENERATOR })
  process.stdout.write(text)
  if (process.argv.includes('--write')) writeFileSync(join(import.meta.dirname, '..', 'docs', 'benchmarks.md'), text)
} finally {
  await stopAll()
  rmSync(folder, { recursive: true, force: true })
}
