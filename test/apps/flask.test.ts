import { PYTHON } from '../../scripts/servers.ts'
import type { App } from './app.ts'
import { basket } from './basket.ts'
import { answers, example } from './examples.ts'
import { matrix } from './matrix.ts'

const flask: App = {
  name: 'Flask with its default sessions in a signed cookie',
  servers: ['flask'],
  config: example('flask/unstick.yaml'),
  store: 'redis',
  healthPath: '/health',
  vaulted: /^session$/,
  // Random, so that it cannot be compressed: the session outgrows a browser's cookie.
  itemLength: 700,
  program: ({ port }) => ({
    name: 'flask',
    command: PYTHON,
    args: [example('flask/app.py')],
    env: { PORT: String(port), SECRET_KEY: 'the same on both replicas' },
    ready: () => answers(port, '/health'),
  }),
  ...basket,
}

matrix(flask)
