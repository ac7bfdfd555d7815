/** Configurations as tests write them: the file is text, the disk and the environment are what the test says. */
import { checkConfig } from '../../../src/config/check.ts'
import type { Config } from '../../../src/config/config.ts'
import { loadConfig, type Overrides } from '../../../src/config/load.ts'

export interface World {
  readonly env?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
  readonly overrides?: Overrides
}

export const SECRET = 'a-secret-of-more-than-32-characters-1'

export function readFrom(files: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => {
    const text = files[path]
    if (text === undefined) throw Object.assign(new Error('not there'), { code: 'ENOENT' })
    return text
  }
}

const optionsOf = (yaml: string, { env = {}, files = {}, overrides = {} }: World) => ({
  file: 'unstick.yaml',
  env,
  overrides,
  readFile: readFrom({ ...files, 'unstick.yaml': yaml }),
})

/** What `unstick check` prints of `yaml`. */
export const linesOf = (yaml: string, world: World = {}): readonly string[] => checkConfig(optionsOf(yaml, world)).lines

export const configOf = (yaml: string, world: World = {}): Config => loadConfig(optionsOf(yaml, world)).config
