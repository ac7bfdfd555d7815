/**
 * Writes what is generated from the code: from the schema of the configuration unstick.schema.json for editors, docs/configuration.md for people, and in
 * the chart's schema what is unstick's own; from the metrics docs/metrics.md. `--check` writes nothing and fails when one of them is not current.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createMetrics } from '../src/admin/metrics.ts'
import { jsonSchema, keyDocs } from '../src/config/key-docs.ts'
import { PRESET_NAMES, PRESETS } from '../src/config/presets.ts'

const ROOT = join(import.meta.dirname, '..')

const CHART_SCHEMA = 'helm/unstick/values.schema.json'

interface Words {
  type: string | string[]
  enum: (string | boolean)[]
}

interface Rules {
  properties: Record<string, object>
  required: string[]
  oneOf?: object[]
}

interface ConfigSchema {
  $schema?: string
  properties: {
    routes: { items: { properties: { session: Words; lock: Words } } }
    carriers: { properties: { headers: { properties: { capture: { items: Rules } } } } }
  }
}

interface ChartSchema {
  properties: { config: object; app: { properties: { kind: { enum: string[] } } } }
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

const code = (text: string): string => `\`${text}\``

function row(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(' | ')} |`
}

function reference(): string {
  const keys = keyDocs().map(({ key, type, fallback, required, description }) =>
    row([code(key), type, required ? 'needed' : fallback === undefined || fallback === '[]' || fallback === '{}' ? '' : code(fallback.replace(/^"(.*)"$/, '$1')), description]),
  )
  const presets = Object.entries(PRESETS).map(([name, { about, names, files }]) =>
    row([code(name), about, [...files.map(({ cookie }) => cookie), ...names].map((cookie) => code(cookie)).join(' '), files.map(({ path }) => code(path)).join(' ')]),
  )
  return `<!-- Written by scripts/schema.ts from src/config/schema.ts and src/config/presets.ts: change those, then run \`npm run schema\`. -->
# Configuration

unstick reads the file named with \`-c\`, else \`./unstick.yaml\`, else \`/etc/unstick/unstick.yaml\`. The flags \`--listen\`, \`--upstream\`, \`--store\` and \`--app\`
replace the key of their name, and \`--admin\` replaces \`admin.listen\`; \`--upstream\` and \`--app\` are enough without a file. \`unstick check\` names every problem at once.

- **Values from outside**, anywhere in a value: \`\${NAME}\` is an environment variable, which has to be set; \`\${NAME:-default}\` is the default where it is unset or empty;
  \`\${file:/path}\` is what the file holds, without its last newline; \`$\${\` is a plain \`\${\`. What is put in is text, never YAML.
- **Durations**: \`250ms\` \`30s\` \`5m\` \`24h\`. **Sizes**: \`512B\` \`64KB\` \`8MB\` \`1GB\`, 1KB being 1024 bytes.
- **Nothing written**, as in \`domain:\`, means the default.
- **Editors** check the file with a first line of \`# yaml-language-server: $schema=PATH\`, PATH being where unstick.schema.json lies: in the npm package, \`node_modules/unstick/unstick.schema.json\`.

## Keys

| Key | Type | Default | Meaning |
| --- | --- | --- | --- |
${keys.join('\n')}

## Presets

\`app: NAME\` fills \`carriers\`. What the file says in \`carriers.files\` or \`carriers.cookies.names\` replaces what the preset says there.

| Preset | App | Vaulted cookies | Files |
| --- | --- | --- | --- |
${presets.join('\n')}

## Routes

A route is matched against the path without its query, percent-decoded once, with \`//\` folded and \`.\` and \`..\` resolved, so that spelling a path
differently does not get around a route; nor do bytes in it that are no UTF-8. \`*\` stands for any characters within a segment,
\`**\` for any number of segments: \`/cart/**\` is \`/cart\` and all below it. Case counts, and \`/cart/\` is not \`/cart\`; but a lock
holds also for what an app may take for its path: in another case or with a slash at its end, as Express has it, or with parameters (\`/cart;v=1\`), as Tomcat has it. A method matches itself only: \`GET\` is not \`HEAD\`.
`
}

function metricsPage(): string {
  const metrics = createMetrics({ requestsInFlight: () => 0, upstreamInFlight: () => 0, requestsWaitingForLock: () => 0, secrets: () => [] })
  const rows = metrics.list().map(({ name, type, labels, help }) => row([code(name), type, labels.map(code).join(' '), help]))
  return `<!-- Written by scripts/schema.ts from src/admin/metrics.ts: change that, then run \`npm run schema\`. -->
# Metrics

\`GET /metrics\` on the admin port, in Prometheus' text format. What to watch, and what it means when it moves, is in [operations](operations.md#metrics).

| Name | Type | Labels | Meaning |
| --- | --- | --- | --- |
${rows.join('\n')}

Beside them are Node's own metrics of the process, as \`unstick_process_…\` and \`unstick_nodejs_…\`. No label ever holds a session, a user, a path or a client.
`
}

/**
 * The chart's schema is written by hand, but for `config`, which is what unstick.yaml may hold, and the names of presets. Helm reads
 * YAML 1.1, in which a plain `off` is false and the key `on` is `true`; the chart puts that right where a configuration has them.
 */
function chartSchema(): string {
  const chart = JSON.parse(readFileSync(join(ROOT, CHART_SCHEMA), 'utf8')) as ChartSchema
  const { $schema: _, ...config } = JSON.parse(JSON.stringify(jsonSchema())) as ConfigSchema
  const { session, lock } = config.properties.routes.items.properties
  for (const [key, word] of [[session, true], [session, false], [lock, false]] as const) {
    key.type = ['string', 'boolean']
    key.enum.push(word)
  }
  const capture = config.properties.carriers.properties.headers.properties.capture.items
  capture.properties['true'] = capture.properties['on'] ?? {}
  capture.required = capture.required.filter((key) => key !== 'on')
  capture.oneOf = [{ required: ['on'] }, { required: ['true'] }]
  chart.properties.config = config
  chart.properties.app.properties.kind.enum = ['', ...PRESET_NAMES]
  return `${JSON.stringify(chart, null, 2)}\n`
}

const outputs: readonly (readonly [string, string])[] = [
  ['unstick.schema.json', `${JSON.stringify(jsonSchema(), null, 2)}\n`],
  ['docs/configuration.md', reference()],
  ['docs/metrics.md', metricsPage()],
  [CHART_SCHEMA, chartSchema()],
]

const check = process.argv.includes('--check')
for (const [path, text] of outputs) {
  const file = join(ROOT, path)
  if (!check) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  } else if (read(file) !== text) {
    console.error(`${path} is not current: run \`npm run schema\` and commit what it writes`)
    process.exitCode = 1
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    // Missing or unreadable: not current either way.
    return undefined
  }
}
