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

  it('fails as `run` does on a configuration that cannot be used', async () => {
    await using folder = await temporaryFolder()
    const file = join(folder.path, 'unstick.yaml')
    writeFileSync(file, 'app: phpp\n')
    expect(() => adminAddress({ file })).toThrow('phpp')
    expect(() => adminAddress({ file: join(folder.path, 'none.yaml') })).toThrow('none.yaml')
  })
})
