/**
 * Somebody has the store, and somebody has the secret: each opens nothing of a session. Over the files of a real Redis and of SQLite, after logins,
 * rotations, a logout, and with every carrier.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { Keyring } from '../../src/crypto/keyring.ts'
import { unseal } from '../../src/crypto/seal.ts'
import { Sealing } from '../../src/session/sealing.ts'
import { Token, Tokens } from '../../src/session/token.ts'
import { redisStore } from '../../src/store/redis/store.ts'
import { sqliteStore } from '../../src/store/sqlite.ts'
import type { SessionStore, StoredRecord, StoreKey } from '../../src/store/store.ts'
import { httpApp } from '../support/origin-app.ts'
import { headerValue } from '../support/raw-client.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { runSidecar, SECRET } from '../support/running-sidecar.ts'
import { describeWith } from '../support/servers.ts'
import { temporaryFolder, type TemporaryFolder } from '../support/temporary-folder.ts'
import { TokenHolder } from '../support/visitor.ts'

/** None of it may be in a dump. Long enough not to be there by chance. */
const PRIVATE = {
  user: 'alice.of.wonderland@example.org', cookie: 'cookie-value-of-the-app', remembered: 'remembered-for-a-month', attribute: 'bearer-that-an-api-gave',
  file: 'role|s:5:"admin";content-of-the-file', fileId: 'idofthesessionfile0123456789abcd',
}

interface Dump {
  /** Every byte that lies on the disk of the store. */
  readonly bytes: Buffer
  readonly record: StoredRecord
  /** Every value of the token cookie that clients were given. */
  readonly cookies: readonly string[]
  readonly key: StoreKey
}

async function dumpOf(folder: string, redis: RedisServer | undefined): Promise<Dump> {
  const files = join(folder, 'files')
  const database = join(folder, 'store')
  for (const each of [files, database]) mkdirSync(each)
  await using app = await httpApp((request, response) => {
    const path = (request.url ?? '').split('?')[0]
    if (path === '/first') response.setHeader('Set-Cookie', `sid=${PRIVATE.cookie}`)
    if (path === '/login') {
      writeFileSync(join(files, PRIVATE.fileId), PRIVATE.file)
      response.setHeader('Set-Cookie', [`SID=${PRIVATE.fileId}`, `remember_me=${PRIVATE.remembered}; Max-Age=2592000`])
    }
    if (path === '/end') response.setHeader('Set-Cookie', 'sid=; Max-Age=0')
    response.setHeader('X-Given', PRIVATE.attribute)
    response.end('ok')
  })
  const storeConfig = redis === undefined ? { kind: 'sqlite' as const, path: join(database, 'sessions.db') } : redis.config
  await using sidecar = await runSidecar(app, {
    storeConfig, cookies: { names: ['sid', 'remember_*', 'SID'] },
    files: [{ cookie: 'SID', id: undefined, path: `${files}/{id}`, render: (id) => join(files, id) }],
    headers: 'capture: [{ on: "GET /login", set: { user: query.user, given: header.X-Given }, subject: user }]',
  })
  const cookies: string[] = []
  const visit = async (holder: TokenHolder, target: string): Promise<void> => {
    const response = await holder.get(target)
    expect(response.status, sidecar.log()).toBe(200)
    const given = headerValue(response, 'set-cookie')?.split(';', 1)[0]?.slice('unstick='.length)
    if (given !== undefined && given !== '') cookies.push(given)
  }
  const [alice, leaver] = [new TokenHolder(sidecar.address), new TokenHolder(sidecar.address)]
  for (const target of ['/first', '/end']) await visit(leaver, target)
  for (const target of ['/first', `/login?user=${PRIVATE.user}`, '/first']) await visit(alice, target)
  const last = new Tokens(new Keyring([SECRET])).verify(alice.cookie?.slice('unstick='.length) ?? '')
  if (last === undefined) throw new Error('the client has no token')
  const key = last.token.storeKey
  const store: SessionStore = storeConfig.kind === 'sqlite' ? sqliteStore({ path: storeConfig.path, clock: systemClock }) : redisStore(storeConfig)
  const opened = await store.open(key, {})
  await store.close()
  if (opened.state !== 'record') throw new Error(`the session is ${opened.state}`)
  await redis?.control.save()
  const where = redis === undefined ? database : String((await redis.control.config('GET', 'dir'))[1])
  return { bytes: everyByte(where), record: opened.record, cookies, key }
}

function everyByte(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => readFileSync(join(entry.parentPath, entry.name))))
}

/** A text in all the ways in which it might lie about. */
const forms = (text: string): Buffer[] => [Buffer.from(text), Buffer.from(text, 'utf16le'), Buffer.from(Buffer.from(text).toString('base64').slice(0, -4)), Buffer.from(encodeURIComponent(text)), Buffer.from(Buffer.from(text).toString('hex'))]

const RANDOM = /^[\w-]{6}([\w-]{43})\./

const suite = (kind: 'redis' | 'sqlite') => (): void => {
  let folder: TemporaryFolder
  let redis: RedisServer | undefined
  let dump: Dump
  const right = new Keyring([SECRET])
  const sealing = (keyring: Keyring): Sealing => new Sealing(keyring, systemClock)

  beforeAll(async () => {
    folder = await temporaryFolder()
    // Its log of all that was ever written, too, and nothing that compression could hide.
    redis = kind === 'redis' ? await startRedis(['--appendonly', 'yes', '--rdbcompression', 'no']) : undefined
    dump = await dumpOf(folder.path, redis)
  })
  afterAll(async () => {
    await redis?.stop()
    await folder[Symbol.asyncDispose]()
  })

  /** The token that a client holds, as somebody else makes it from its cookie value. */
  const heldToken = (): Token => new Token(Buffer.from(RANDOM.exec(dump.cookies.at(-1) ?? '')?.[1] ?? '', 'base64url'), right.newest)

  it('is a dump of the session: with the token and the secret it opens', () => {
    expect(dump.bytes.includes(dump.key)).toBe(true)
    const { entries } = sealing(right).open(heldToken(), dump.record)
    const all = Buffer.concat([...entries.values()].map(({ value }) => Buffer.from(value))).toString('latin1')
    for (const what of Object.values(PRIVATE)) expect(all).toContain(what)
    expect(dump.cookies.length).toBeGreaterThanOrEqual(3)
  })

  it('shows no cookie value, no user, no session id of the app, no content of a file, no token and no secret', () => {
    for (const [what, text] of Object.entries({ ...PRIVATE, secret: SECRET })) for (const form of forms(text)) expect(dump.bytes.includes(form), `${what} as ${form.toString('latin1')}`).toBe(false)
    for (const cookie of dump.cookies) {
      const random = RANDOM.exec(cookie)?.[1] ?? ''
      expect(random).toHaveLength(43)
      for (const form of [...forms(random), Buffer.from(random, 'base64url'), ...forms(cookie), ...forms(cookie.slice(-22))]) expect(dump.bytes.includes(form)).toBe(false)
    }
    for (const secret of [right.newest.mac, right.newest.seal, right.newest.subject]) expect(dump.bytes.includes(secret)).toBe(false)
  })

  it('does not open with another secret, token or none', () => {
    const wrong = new Keyring(['the secret that somebody guessed, in 32 characters'])
    expect(() => sealing(wrong).open(heldToken(), dump.record)).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
  })

  it('does not open with the secret alone: neither from what names the session in the store nor from what is in it', () => {
    const guesses = [Buffer.from(dump.key, 'base64url'), Buffer.alloc(32), right.newest.seal, right.newest.mac, ...[...dump.record.entries.values()].map((bytes) => Buffer.from(bytes.subarray(0, 32)))]
    for (const guess of guesses) {
      const token = new Token(guess, right.newest)
      expect(() => sealing(right).open(token, dump.record)).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
      for (const [name, bytes] of dump.record.entries) {
        expect(unseal(bytes, token.sealing(right.newest), dump.key, name)).toBeUndefined()
        expect(unseal(bytes, right.newest.label, dump.key, name)).toBeUndefined()
      }
    }
  })

  it('tells with the secret alone whose the session is, which is for operators to know, and not without it', () => {
    const { label } = dump.record
    if (label === undefined) throw new Error('the session has no label')
    expect(sealing(right).labels.open(dump.key, label)).toMatchObject({ subject: PRIVATE.user })
    expect(() => sealing(new Keyring([`${SECRET}!`])).labels.open(dump.key, label)).toThrow(expect.objectContaining({ code: 'store_unavailable' }))
  })

  it('shows what it shows: how many entries there are, how large, when, and what the app calls its cookies and attributes', () => {
    // Told in docs/security.md. Nothing else than these names, the hosts that were asked, and hashes.
    for (const name of dump.record.entries.keys()) expect(name).toMatch(/^(cookie:(sid|SID|remember_me);app\.example;\/|file:SID;[0-9a-f]{16}(;gone)?|[a-z]+:(user|given))$/)
  })
}

describe('a dump of SQLite', suite('sqlite'))
describeWith(['redis'], 'a dump of Redis', suite('redis'))
