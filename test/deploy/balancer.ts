/** A balancer with its configuration of examples/balancers, on loopback: the addresses and the certificate are other ones, all else is as it is there. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import type { IncomingMessage } from 'node:http'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { commandPath } from '../../scripts/servers.ts'

export const FOLDER = resolve(import.meta.dirname, '..', '..', 'examples', 'balancers')

export interface Places {
  readonly port: number
  readonly sidecars: readonly [number, number]
  /** Empty: for its files. */
  readonly folder: string
}

export interface BalancerProgram {
  readonly name: 'haproxy' | 'nginx'
  /** Writes its configuration, and answers how to check it and how to run it. */
  prepare(places: Places): { readonly command: string; readonly check: readonly string[]; readonly run: readonly string[] }
}

const put = (configuration: string, { sidecars }: Places): string =>
  configuration.replaceAll('10.0.0.11:8080', `127.0.0.1:${sidecars[0]}`).replaceAll('10.0.0.12:8080', `127.0.0.1:${sidecars[1]}`)

/** Throws when the example no longer has what is to be replaced: the test would run something else. */
function swap(configuration: string, from: string, to: string): string {
  if (!configuration.includes(from)) throw new Error(`the configuration has no ${from}`)
  return configuration.replaceAll(from, to)
}

export const HAPROXY: BalancerProgram = {
  name: 'haproxy',
  prepare(places) {
    const pem = join(places.folder, 'site.pem')
    const { certificate, key } = selfSigned(places.folder)
    writeFileSync(pem, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'))
    const file = join(places.folder, 'haproxy.cfg')
    writeFileSync(file, swap(swap(put(readFileSync(join(FOLDER, 'haproxy.cfg'), 'utf8'), places), 'bind :443 ', `bind 127.0.0.1:${places.port} `), '/etc/haproxy/site.pem', pem))
    return { command: commandPath('haproxy') ?? 'haproxy', check: ['-c', '-f', file], run: ['-db', '-f', file] }
  },
}

export const NGINX: BalancerProgram = {
  name: 'nginx',
  prepare(places) {
    const { certificate, key } = selfSigned(places.folder)
    const site = join(places.folder, 'site.conf')
    const listening = swap(put(readFileSync(join(FOLDER, 'nginx.conf'), 'utf8'), places), 'listen 443 ', `listen 127.0.0.1:${places.port} `)
    writeFileSync(site, swap(swap(listening, '/etc/nginx/site.crt', certificate), '/etc/nginx/site.key', key))
    const file = join(places.folder, 'nginx.conf')
    // What a distribution's nginx.conf has around a site.
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${places.folder}/${name};`).join(' ')
    writeFileSync(file, `daemon off; pid ${places.folder}/pid; error_log stderr; worker_processes 1; events {} http { access_log off; ${temporary} include ${site}; }\n`)
    const args = ['-e', 'stderr', '-p', places.folder, '-c', file]
    return { command: commandPath('nginx') ?? 'nginx', check: [...args, '-t'], run: args }
  },
}

function selfSigned(folder: string): { certificate: string; key: string } {
  const [certificate, key] = [join(folder, 'site.crt'), join(folder, 'site.key')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=shop.example', '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  return { certificate, key }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A request over TLS, on a connection of its own. */
export async function ask(port: number, path: string, { method = 'GET', headers = {} }: { method?: string; headers?: Record<string, string> } = {}): Promise<Answer> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, method, headers: { host: 'shop.example', ...headers }, agent: false, rejectUnauthorized: false }, resolve).on('error', reject).end()
  })
  return { status: response.statusCode ?? 0, headers: response.headers, body: await text(response) }
}
