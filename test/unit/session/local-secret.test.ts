import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { localSecret } from '../../../src/session/local-secret.ts'
import { temporaryFolder, type TemporaryFolder } from '../../support/temporary-folder.ts'

let folder: TemporaryFolder
let path: string
beforeEach(async () => {
  folder = await temporaryFolder()
  path = join(folder.path, 'unstick.db')
})
afterEach(async () => { await folder[Symbol.asyncDispose]() })

const secret = (): string => localSecret({ kind: 'sqlite', path })

/** What the error and its causes say. */
function complaint(action: () => unknown): { code: unknown; text: string } {
  try {
    action()
  } catch (error) {
    let text = ''
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) text += `${cause.message} `
    return { code: (error as { code?: unknown }).code, text }
  }
  throw new Error('nothing was thrown')
}

describe('the secret of a local store', () => {
  it('is made once, lies beside the store, and is for its owner only', () => {
    const made = secret()
    expect(made).toMatch(/^[\w-]{43}$/)
    expect(secret()).toBe(made)
    expect(readdirSync(folder.path)).toEqual(['unstick.db.secret'])
    expect(statSync(`${path}.secret`).mode & 0o777).toBe(0o600)
    expect(readFileSync(`${path}.secret`, 'utf8')).toBe(`${made}\n`)
  })

  it('is another for another store', () => {
    expect(localSecret({ kind: 'sqlite', path: `${path}2` })).not.toBe(secret())
  })

  it('is the same for processes that start at the same moment', async () => {
    const source = fileURLToPath(new URL('../../../src/session/local-secret.ts', import.meta.url))
    // Each says that it is up, and waits for a word before it asks.
    const script = `import { localSecret } from ${JSON.stringify(source)}
      process.stdout.write('up')
      process.stdin.once('data', () => { process.stdout.write(localSecret({ kind: 'sqlite', path: ${JSON.stringify(path)} })); process.stdin.destroy() })`
    const children = Array.from({ length: 4 }, () => {
      const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['pipe', 'pipe', 'inherit'] })
      let said = ''
      const up = new Promise<void>((resolve) => { child.stdout.on('data', (text: Buffer) => { said += text.toString(); if (said.startsWith('up')) resolve() }) })
      const ended = new Promise<string>((resolve, reject) => { child.on('error', reject).on('close', () => resolve(said.slice(2))) })
      return { child, up, ended }
    })
    await Promise.all(children.map(({ up }) => up))
    for (const { child } of children) child.stdin.write('now')
    const secrets = await Promise.all(children.map(({ ended }) => ended))
    expect(secrets[0]).toMatch(/^[\w-]{43}$/)
    expect(new Set(secrets)).toEqual(new Set([secret()]))
    expect(readdirSync(folder.path)).toEqual(['unstick.db.secret'])
  }, 20_000)

  it.each(['', 'short', '\n'])('is not made up anew when its file is damaged (%j): the file is named', (content) => {
    writeFileSync(`${path}.secret`, content)
    const { code, text } = complaint(secret)
    expect(code).toBe('start_failed')
    expect(text).toContain(`${path}.secret`)
    expect(text).toMatch(/cut short/)
    expect(readFileSync(`${path}.secret`, 'utf8')).toBe(content)
  })

  it('is not shown in what is said of it', () => {
    writeFileSync(`${path}.secret`, 'half-a-secret')
    expect(complaint(secret).text).not.toContain('half-a-secret')
  })

  it('cannot be made where there is no folder, or where it is a folder itself', () => {
    expect(complaint(() => localSecret({ kind: 'sqlite', path: join(folder.path, 'none', 'unstick.db') }))).toMatchObject({ code: 'start_failed', text: expect.stringMatching(/ENOENT/) })
    mkdirSync(`${path}.secret`)
    expect(complaint(secret)).toMatchObject({ code: 'start_failed', text: expect.stringMatching(/EISDIR/) })
  })
})

describe('the secret of other stores', () => {
  it('is new each time for the memory of one process', () => {
    expect(localSecret({ kind: 'memory' })).toMatch(/^[\w-]{43}$/)
    expect(localSecret({ kind: 'memory' })).not.toBe(localSecret({ kind: 'memory' }))
  })

  it('has to be configured for a shared one', () => {
    const config = { kind: 'redis', mode: 'single', tls: false, nodes: [{ host: 'redis', port: 6379 }], db: 0 } as const
    expect(complaint(() => localSecret(config))).toMatchObject({ code: 'config_invalid', text: expect.stringMatching(/unstick keygen/) })
  })
})
