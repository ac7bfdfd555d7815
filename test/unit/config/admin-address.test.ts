import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { adminAddress } from '../../../src/config/admin-address.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

describe('adminAddress', () => {
  it('is what the configuration says', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'unstick.yaml')
    writeFileSync(file, 'app: php\nadmin: { listen: "0.0.0.0:9191" }\n')
    expect(adminAddress({ file })).toEqual({ host: '0.0.0.0', port: 9191 })
  })

  it('is the default where there is no file, and what --admin says above all', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'unstick.yaml')
    writeFileSync(file, 'app: php\nadmin: { listen: "0.0.0.0:9191" }\n')
    expect(adminAddress({})).toEqual({ host: '127.0.0.1', port: 9090 })
    expect(adminAddress({ admin: '127.0.0.1:1234' })).toEqual({ host: '127.0.0.1', port: 1234 })
    expect(adminAddress({ file, admin: 'unix:/run/admin.sock' })).toEqual({ unix: '/run/admin.sock' })
  })

  it('is what --admin says without a look at the configuration, whose variables and secrets are not there for whoever asks', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'unstick.yaml')
    writeFileSync(file, 'app: php\nstore: redis://h\nsecret: ${NOT_THERE_FOR_PROBES}\n')
    expect(adminAddress({ file, admin: '127.0.0.1:1234' })).toEqual({ host: '127.0.0.1', port: 1234 })
    expect(() => adminAddress({ file })).toThrow('NOT_THERE_FOR_PROBES')
    expect(() => adminAddress({ admin: '1234' })).toThrow('--admin: "1234" is not an address to listen on (allowed host:port :port [ipv6]:port unix:/path, did you mean :1234)')
    expect(() => adminAddress({ admin: 'bob:hunter2@h' })).toThrow(/^--admin: the value is not an address/)
  })

  it('fails as `run` does on a configuration that cannot be used', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'unstick.yaml')
    writeFileSync(file, 'app: phpp\n')
    expect(() => adminAddress({ file })).toThrow('phpp')
    expect(() => adminAddress({ file: join(folder.path, 'none.yaml') })).toThrow('none.yaml')
  })
})
