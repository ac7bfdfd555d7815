/** Bodies that no memory holds, through a sidecar in a process of its own. By hand with 2 GB each way: `UNSTICK_VOLUME_MB=2048`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePorts } from '../../support/ports.ts'
import { type Running, start } from '../../support/process.ts'
import { volumes } from './volumes.ts'

const CLI = fileURLToPath(new URL('../../../src/cli.ts', import.meta.url))
const MB = 1024 ** 2
const MEGABYTES = Number(process.env['UNSTICK_VOLUME_MB'] ?? '256')
const BYTES = MEGABYTES * MB
/** Far less than the smallest volume. What a sidecar holds of a stream is the buffers of two sockets; the rest is garbage not yet collected. */
const MARGIN_BYTES = 128 * MB

/** No power of two, so that a piece too many or too few shows at once. */
const PATTERN = Buffer.from(Array.from({ length: 65_521 * 2 }, (_, i) => (i % 65_521) % 251))
const PERIOD = 65_521

function* pattern(length: number): Generator<Buffer> {
  for (let at = 0; at < length; at += PERIOD) yield PATTERN.subarray(0, Math.min(PERIOD, length - at))
}

/** Reads it all, and tells how many bytes were as they should be. */
async function check(stream: Readable): Promise<number> {
  let at = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    for (let i = 0; i < chunk.length;) {
      const from = (at + i) % PERIOD
      const piece = chunk.subarray(i, i + PERIOD)
      if (!piece.equals(PATTERN.subarray(from, from + piece.length))) throw new Error(`byte ${at + i} or one of the next ${piece.length} is not as it was sent`)
      i += piece.length
    }
    at += chunk.length
  }
  return at
}

const folder = mkdtempSync(join(tmpdir(), 'unstick-volume-'))
const app = createServer((request, response) => { void serve(request, response) })
let sidecar: Running | undefined
let port = 0
let admin = 0
let token = ''

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/login') response.setHeader('Set-Cookie', 'sid=one').end()
  else if (request.method === 'POST') response.end(String(await check(request)))
  else {
    if (request.url?.includes('length') === true) response.setHeader('Content-Length', BYTES)
    writeFileSync(join(folder, 'one'), `seen ${request.url}`)
    await pipeline(Readable.from(pattern(BYTES), { objectMode: false }), response)
  }
}

const resident = (): number => Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${sidecar?.pid}/status`, 'utf8'))?.[1]) * 1024

beforeAll(async () => {
  await new Promise<void>((resolve) => { app.listen(0, '127.0.0.1', resolve) })
  const [first, second] = await freePorts(2)
  port = first ?? 0
  admin = second ?? 0
  writeFileSync(join(folder, 'unstick.yaml'), `listen: 127.0.0.1:${port}
upstream: http://127.0.0.1:${(app.address() as AddressInfo).port}
store: "memory:"
carriers: { files: [{ cookie: sid, path: "${folder}/{id}" }] }
admin: { listen: "127.0.0.1:${admin}" }
`)
  sidecar = await start({ name: 'the sidecar', command: process.execPath, args: [CLI, 'run', '-c', join(folder, 'unstick.yaml')], ready: async () => (await fetch(`http://127.0.0.1:${admin}/readyz`)).ok })
  writeFileSync(join(folder, 'one'), 'begun')
  // What every process takes for its first requests is not what is measured.
  await (await fetch(`http://127.0.0.1:${port}/warm`)).arrayBuffer()
  token = (await fetch(`http://127.0.0.1:${port}/login`)).headers.getSetCookie()[0]?.split(';')[0] ?? ''
})

afterAll(async () => {
  await sidecar?.stop()
  await new Promise<void>((resolve) => { app.close(() => resolve()) })
  rmSync(folder, { recursive: true, force: true })
})

/** Sends one there and back, and tells how many bytes came where they should. */
async function transfer(up: boolean, chunked: boolean, cookie: string): Promise<number> {
  const target = chunked ? '/chunked' : '/length'
  const headers = { ...(cookie === '' ? {} : { Cookie: cookie }), ...(up && !chunked ? { 'Content-Length': BYTES } : {}) }
  const request = httpRequest({ host: '127.0.0.1', port, path: target, method: up ? 'POST' : 'GET', headers, agent: false })
  const answered = new Promise<IncomingMessage>((resolve, reject) => { request.once('response', resolve).once('error', reject) })
  if (up) await pipeline(Readable.from(pattern(BYTES), { objectMode: false }), request)
  else request.end()
  const response = await answered
  expect(response.statusCode).toBe(200)
  if (!up) return check(response)
  return Number((await response.toArray()).join(''))
}

describe(`through unstick as directly: ${MEGABYTES} MB`, () => {
  it.each(volumes.flatMap((volume) => [{ ...volume, setting: 'without a session' }, { ...volume, setting: 'with a session file' }]))('$id, $setting', async ({ id, up, chunked, setting }) => {
    const before = resident()
    let most = before
    const watching = setInterval(() => { most = Math.max(most, resident()) }, 100)
    const began = performance.now()
    const came = await transfer(up, chunked, setting === 'without a session' ? '' : token)
    clearInterval(watching)
    most = Math.max(most, resident())
    process.stdout.write(`${id}, ${setting}: ${MEGABYTES} MB in ${((performance.now() - began) / 1_000).toFixed(1)} s, ${(before / MB).toFixed(0)} MB resident before, ${(most / MB).toFixed(0)} MB at most\n`)
    expect(came).toBe(BYTES)
    expect(most - before).toBeLessThan(MARGIN_BYTES)
  }, Math.max(60_000, MEGABYTES * 200))
})
