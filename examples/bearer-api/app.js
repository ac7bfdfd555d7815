// An API that hands out bearer tokens: it answers a login with one, asks for it with every other request, and keeps nothing itself. What it
// signs, any replica with the same key believes. Knows nothing of unstick; without it, a browser would have to keep the token where scripts can
// read it.
//
//   SECRET_KEY=... PORT=3000 node app.js
import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer } from 'node:http'

const KEY = process.env.SECRET_KEY ?? ''
if (KEY === '') throw new Error('SECRET_KEY is missing')

const sign = (text) => createHmac('sha256', KEY).update(text).digest('base64url')

const tokenFor = (user) => {
  const claims = Buffer.from(JSON.stringify({ user, at: Date.now() })).toString('base64url')
  return `${claims}.${sign(claims)}`
}

const userOf = (authorization = '') => {
  const [claims = '', signature = ''] = authorization.replace(/^Bearer /, '').split('.')
  const expected = Buffer.from(sign(claims))
  const given = Buffer.from(signature)
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
  return JSON.parse(Buffer.from(claims, 'base64url').toString()).user
}

const json = (response, status, body) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))

createServer(async (request, response) => {
  const path = request.url.split('?', 1)[0]
  if (path === '/health') return response.end('ok')
  if (path === '/api/login' && request.method === 'POST') {
    let body = ''
    for await (const chunk of request) body += chunk
    const { username, password } = JSON.parse(body)
    // Everybody's password is their name, backwards.
    if (typeof username !== 'string' || password !== username.split('').reverse().join('')) return json(response, 401, { error: 'wrong password' })
    return json(response, 200, { access_token: tokenFor(username), token_type: 'Bearer', user: { name: username } })
  }
  if (path === '/api/logout' && request.method === 'POST') return json(response, 200, {})
  const user = userOf(request.headers.authorization)
  if (user === undefined) return json(response, 401, { error: 'no token' })
  return json(response, 200, { user, replica: process.env.PORT })
}).listen(Number(process.env.PORT ?? 3000), '127.0.0.1')
