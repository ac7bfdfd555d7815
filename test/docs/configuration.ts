/** A YAML block of a page, held against `unstick check`. */
import { randomBytes } from 'node:crypto'
import { isMap, parseDocument } from 'yaml'
import { checkConfig } from '../../src/config/check.ts'

/** What variables of these names are set to; any other is a secret. */
const KNOWN: Readonly<Record<string, string>> = { LISTEN: '127.0.0.1:8080', ADMIN: '127.0.0.1:9090', UPSTREAM: 'http://127.0.0.1:3000', SESSIONS: '/srv/sessions' }

/**
 * The problems of a configuration, or of a part of one: what a configuration cannot do without, and a part does not say, is put behind it, so that
 * lines keep their numbers. Environment variables that it names are set.
 */
export function problemsOf(yaml: string): readonly string[] {
  const whole = completed(yaml)
  const env = Object.fromEntries([...whole.matchAll(/(?<!\$)\$\{(\w+)(?::-[^}]*)?\}/g)].map(([, name = '']) => [name, KNOWN[name] ?? randomBytes(32).toString('base64url')]))
  return checkConfig({ file: 'block', env: { UNSTICK_SECRET: randomBytes(32).toString('base64url'), ...env }, readFile: () => whole }).lines
}

function completed(yaml: string): string {
  const { contents } = parseDocument(yaml)
  if (!isMap(contents)) return yaml
  const upstream = contents.has('upstream') ? '' : 'upstream: http://127.0.0.1:3000\n'
  const app = contents.has('app') || contents.has('carriers') ? '' : 'app: php\n'
  return yaml + upstream + app
}
