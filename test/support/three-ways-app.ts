/** An app that keeps its state in three ways at once: a file, a cookie, and a bearer token that it hands out. A process of its own: PORT, FOLDER. */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'

const folder = process.env['FOLDER'] ?? ''

createServer((request, response) => {
  const cookies = new Map((request.headers.cookie ?? '').split('; ').map((pair) => pair.split('=') as [string, string]))
  const file = join(folder, cookies.get('SID') ?? 'none')
  let body = ''
  request.on('data', (chunk: Buffer) => { body += chunk.toString() })
  request.on('end', () => {
    if (request.url === '/login') {
      const id = randomBytes(16).toString('hex')
      writeFileSync(join(folder, id), `basket of ${new URLSearchParams(body).get('user') ?? ''}`)
      response.setHeader('Set-Cookie', [`SID=${id}; HttpOnly`, 'theme=dark'])
      response.setHeader('Content-Type', 'application/json')
      response.end('{"access_token":"bearer-of-the-app","expires":60}')
    } else if (request.url === '/logout') {
      rmSync(file, { force: true })
      response.setHeader('Set-Cookie', 'SID=; Max-Age=0')
      response.end('bye')
    } else {
      response.end(JSON.stringify({ file: existsSync(file) ? readFileSync(file, 'utf8') : undefined, theme: cookies.get('theme'), authorization: request.headers.authorization, user: request.headers['x-forwarded-user'] }))
    }
  })
}).listen(Number(process.env['PORT']), '127.0.0.1')
