import { join } from 'node:path'
import { expect, test } from 'vitest'
import { describeWith } from '../support/servers.ts'
import { CHART, render } from './helm.ts'

const PHP = join(import.meta.dirname, 'values', 'php-redis.yaml')

/** What cannot work, on top of a PHP app with Redis, and the sentence that says so. */
const REFUSED: readonly { readonly why: string; readonly set: readonly string[]; readonly says: string }[] = [
  { why: 'no app', set: ['app.image='], says: 'No app: set app.image' },
  { why: 'no store', set: ['store.url='], says: 'No store: set store.url' },
  { why: 'two stores', set: ['store.existingSecret=s'], says: 'Two stores' },
  { why: 'no secret', set: ['secret.existingSecret='], says: 'No secret: all replicas need the same one' },
  { why: 'SQLite on two replicas', set: ['store.url=sqlite:/var/lib/unstick/a.db'], says: 'store.url is sqlite, which no other pod can see' },
  { why: 'memory on two replicas', set: ['store.url=memory:'], says: 'store.url is memory, which no other pod can see' },
  { why: 'SQLite under an autoscaler', set: ['store.url=sqlite:/var/lib/unstick/a.db', 'replicas=null'], says: 'store.url is sqlite' },
  { why: 'SQLite in the read-only file system', set: ['store.url=sqlite:./unstick.db', 'replicas=1'], says: 'write an absolute path' },
  { why: 'a volume for a store that has no file', set: ['store.persistentVolumeClaim=data'], says: 'store.url names none' },
  { why: 'a password for everybody to read', set: ['store.url=redis://:hunter2@redis:6379'], says: 'put the whole URL into a Secret' },
  { why: 'a secret for everybody to read', set: ['config.secret=abc'], says: 'put it into a Secret' },
  { why: 'an admin token for everybody to read', set: ['config.admin.token=abc'], says: 'put it into a Secret' },
  { why: 'nothing that says how the app keeps its sessions', set: ['app.kind='], says: 'set app.kind to a preset such as php, or write config.carriers' },
  { why: 'session files of an unknown user', set: ['app.kind=express-file'], says: 'set app.runAsUser' },
  { why: 'session files in no folder', set: ['config.carriers.files[0].cookie=a', 'config.carriers.files[0].path=/{id}'], says: 'a volume cannot be mounted at /' },
  { why: 'files without a path', set: ['config.carriers.files[0].cookie=a'], says: "missing property 'path'" },
  { why: 'app and sidecar on one port', set: ['app.port=8080'], says: 'app.port is 8080, where the sidecar listens' },
  { why: 'app and admin port on one port', set: ['app.port=9090'], says: 'app.port is 9090, where the sidecar listens' },
  { why: 'the admin port on the public one', set: ['sidecar.adminPort=8080'], says: 'never the public one' },
  { why: 'a key that the chart writes', set: ['config.listen=0.0.0.0:1'], says: 'config.listen is written by the chart: set sidecar.port' },
  { why: 'a drain that the shutdown does not know', set: ['config.limits.drain=90s'], says: 'set shutdown.drainSeconds' },
  { why: 'a preset that there is not', set: ['app.kind=phpp'], says: "at '/app/kind'" },
  { why: 'a store that there is not', set: ['store.url=postgres://db'], says: "at '/store/url'" },
  { why: 'a key of unstick.yaml that there is not', set: ['config.sesion.idleTimeout=5m'], says: "'sesion' not allowed" },
  { why: 'a value that there is not', set: ['sidecars.port=1'], says: "'sidecars' not allowed" },
]

describeWith(['helm'], 'the chart refuses', () => {
  test('nothing of what the cases start from', async () => {
    await expect(render(CHART, { values: PHP })).resolves.toContain('kind: Deployment')
  })

  test.concurrent.for(REFUSED)('$why', async ({ set, says }, { expect }) => {
    await expect(render(CHART, { values: PHP, set })).rejects.toThrow(says)
  })

  test('without showing a password', async () => {
    await expect(render(CHART, { values: PHP, set: ['store.url=redis://:hunter2@redis:6379'] })).rejects.not.toThrow('hunter2')
  })
})
