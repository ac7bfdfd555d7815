/**
 * Requests with more than one reading, over raw sockets, in front of app servers that nobody here wrote: nginx with PHP-FPM, and Werkzeug. Each app tells
 * in a file what it was asked; of a request that was refused there is nothing.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { commandPath, phpFpmPath, PYTHON, type ServerName } from '../../scripts/servers.ts'
import { freePort } from '../support/ports.ts'
import { type Program, type Running, start } from '../support/process.ts'
import { ask, get, headerValue, RawClient } from '../support/raw-client.ts'
import { type RunningSidecar, runSidecar } from '../support/running-sidecar.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'

interface AppServer {
  readonly servers: readonly ServerName[]
  /** Writes a line for each request to `seen`: method, target, X-Session-User and body, parted by `|`. */
  programs(place: { folder: string; port: number; seen: string }): readonly Omit<Program, 'ready'>[]
}

const PHP = (seen: string): string => `<?php
file_put_contents(${JSON.stringify(seen)}, implode('|', [$_SERVER['REQUEST_METHOD'], $_SERVER['REQUEST_URI'], $_SERVER['HTTP_X_SESSION_USER'] ?? '', str_replace("\\r\\n", '~', file_get_contents('php://input'))]) . "\\n", FILE_APPEND | LOCK_EX);
header('Content-Length: 2'); echo 'ok';`

const WSGI = (seen: string, port: number): string => `
from werkzeug.serving import run_simple
def app(environ, start):
    length = -1 if environ.get('wsgi.input_terminated') else int(environ.get('CONTENT_LENGTH') or 0)
    body = environ['wsgi.input'].read(length).decode('latin-1')
    with open(${JSON.stringify(seen)}, 'a') as file:
        file.write('|'.join([environ['REQUEST_METHOD'], environ['REQUEST_URI'], environ.get('HTTP_X_SESSION_USER', ''), body.replace('\\r\\n', '~')]) + '\\n')
    start('200 OK', [('Content-Length', '2')])
    return [b'ok']
run_simple('127.0.0.1', ${port}, app, threaded=True)
`

const APP_SERVERS: Record<string, AppServer> = {
  'nginx with PHP-FPM': {
    servers: ['nginx', 'php'],
    programs: ({ folder, port, seen }) => {
      const socket = join(folder, 'fpm.sock')
      writeFileSync(join(folder, 'index.php'), PHP(seen))
      writeFileSync(join(folder, 'fpm.conf'), ['[global]', `error_log = ${folder}/fpm.log`, 'daemonize = no', '[www]', 'user = root', 'group = root', `listen = ${socket}`, 'pm = static', 'pm.max_children = 2'].join('\n'))
      writeFileSync(join(folder, 'nginx.conf'), `
        daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/nginx.log;
        events { worker_connections 64; }
        http {
          access_log off; client_body_temp_path ${folder}/body; fastcgi_temp_path ${folder}/fastcgi; proxy_temp_path ${folder}/proxy; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
          server { listen 127.0.0.1:${port}; location / {
            fastcgi_pass unix:${socket}; fastcgi_param SCRIPT_FILENAME ${folder}/index.php; fastcgi_param REQUEST_METHOD $request_method; fastcgi_param REQUEST_URI $request_uri; fastcgi_param CONTENT_LENGTH $content_length;
          } }
        }`)
      return [
        { name: 'php-fpm', command: phpFpmPath() ?? 'php-fpm', args: ['-R', '-n', '-y', join(folder, 'fpm.conf')] },
        { name: 'nginx', command: commandPath('nginx') ?? 'nginx', args: ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'nginx.log')] },
      ]
    },
  },
  Werkzeug: {
    servers: ['flask'],
    programs: ({ folder, port, seen }) => {
      writeFileSync(join(folder, 'app.py'), WSGI(seen, port))
      return [{ name: 'werkzeug', command: PYTHON, args: [join(folder, 'app.py')] }]
    },
  },
}

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: app.example\r\nX-Session-User: admin\r\n\r\n'
const post = (headers: string, body: string): string => `POST / HTTP/1.1\r\nHost: app.example\r\n${headers}\r\n\r\n${body}`
const chunked = (body: string): string => post('Transfer-Encoding: chunked', `${body}${SMUGGLED}`)

const ATTACKS: readonly (readonly [string, string])[] = [
  ['a length and chunks', post('Content-Length: 6\r\nTransfer-Encoding: chunked', `0\r\n\r\n${SMUGGLED}`)],
  ['chunks and a length', post('Transfer-Encoding: chunked\r\nContent-Length: 6', `0\r\n\r\n${SMUGGLED}`)],
  ['chunks hidden by a vertical tab, and a length', post('Transfer-Encoding: \u000bchunked\r\nContent-Length: 6', `0\r\n\r\n${SMUGGLED}`)],
  ['two lengths', post('Content-Length: 0\r\nContent-Length: 64', SMUGGLED)],
  ['a bare LF at the end of the head', `GET / HTTP/1.1\nHost: app.example\n\n${SMUGGLED}`],
  ['a bare LF after one field', `GET / HTTP/1.1\r\nHost: app.example\r\nX-A: b\nX-Session-User: admin\r\n\r\n${SMUGGLED}`],
  ['a bare CR in a field', `GET / HTTP/1.1\r\nHost: app.example\r\nX-A: b\rX-Session-User: admin\r\n\r\n${SMUGGLED}`],
  ['a folded field', `GET / HTTP/1.1\r\nHost: app.example\r\nX-A: b\r\n X-Session-User: admin\r\n\r\n${SMUGGLED}`],
  ['a field folded by a tab', `GET / HTTP/1.1\r\nHost: app.example\r\nX-A: b\r\n\tc\r\n\r\n${SMUGGLED}`],
  ['a folded Host', `GET / HTTP/1.1\r\nHost:\r\n app.example\r\n\r\n${SMUGGLED}`],
  ['a folded length', post('Content-Length:\r\n 5', `hello${SMUGGLED}`)],
  ['a folded Cookie', `GET / HTTP/1.1\r\nHost: app.example\r\nCookie: a=1;\r\n sid=evil\r\n\r\n${SMUGGLED}`],
  ['two Hosts', `GET / HTTP/1.1\r\nHost: app.example\r\nHost: other.example\r\n\r\n${SMUGGLED}`],
  ['an empty Host and another', `GET / HTTP/1.1\r\nHost:\r\nHost: other.example\r\n\r\n${SMUGGLED}`],
  ['a chunk extension with a bare LF', chunked('5;a\nb\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension with a bare CR', chunked('5;a\rb\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension with a line end in quotes', chunked('5;a="\r\nb"\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension whose quotes do not end', chunked('5;a="b\r\nhello\r\n0\r\n\r\n')],
  ['a chunk extension with a control character', chunked('5;a=\u0001\r\nhello\r\n0\r\n\r\n')],
  ['an empty chunk extension', chunked('5;\r\nhello\r\n0\r\n\r\n')],
  ['a space before a chunk extension', chunked('5 ;a=b\r\nhello\r\n0\r\n\r\n')],
  ['20 KB of a chunk extension', chunked(`5;${'x'.repeat(20_000)}\r\nhello\r\n0\r\n\r\n`)],
  ['a chunk that is longer than it says', chunked('5\r\nhello!!0\r\n\r\n')],
  ['a chunk size that ends in LF', chunked('5\nhello\r\n0\r\n\r\n')],
  ['a trailer that is folded', chunked('5\r\nhello\r\n0\r\nX-A: b\r\n X-Session-User: admin\r\n\r\n')],
  ['a trailer that ends in LF', chunked('5\r\nhello\r\n0\r\nX-A: b\nX-Session-User: admin\r\n\r\n')],
]

for (const [name, appServer] of Object.entries(APP_SERVERS)) {
  describeWith(appServer.servers, `in front of ${name}`, () => {
    let folder: TemporaryFolder
    let sidecar: RunningSidecar
    let seen: string
    const running: Running[] = []
    beforeAll(async () => {
      folder = await temporaryFolder()
      seen = join(folder.path, 'seen')
      writeFileSync(seen, '')
      const port = await freePort()
      const each = appServer.programs({ folder: folder.path, port, seen })
      for (const program of each.slice(0, -1)) running.push(await start({ ...program, ready: async () => true }))
      for (const program of each.slice(-1)) running.push(await start({ ...program, ready: async () => (await fetch(`http://127.0.0.1:${port}/ready`)).ok }))
      sidecar = await runSidecar({ host: '127.0.0.1', port })
    })
    afterAll(async () => {
      await sidecar.stop()
      for (const each of running) await each.stop()
      await folder[Symbol.asyncDispose]()
    })

    const asked = (): string[] => readFileSync(seen, 'utf8').split('\n').filter((line) => line !== '' && !/\|\/(ready|marker)\|/.test(line))

    it('a request that is sound arrives, its chunks without their extensions', async () => {
      writeFileSync(seen, '')
      expect((await ask(sidecar.address, post('Transfer-Encoding: chunked', '3;a="b;c"\r\nhel\r\n002;d\r\nlo\r\n0\r\n\r\n'))).body).toBe('ok')
      expect(asked()).toEqual(['POST|/||hello'])
    })

    it.each(ATTACKS)('%s is refused with 400, and nothing of it is carried out', async (_, bytes) => {
      writeFileSync(seen, '')
      using client = await RawClient.connect(sidecar.address)
      const response = await client.send(bytes).response()
      expect([response.status, headerValue(response, 'unstick-error')]).toEqual([400, 'bad_request'])
      await client.ended()
      expect((await ask(sidecar.address, get('/marker'))).body).toBe('ok')
      expect(asked()).toEqual([])
    })
  })
}
