import { PYTHON } from '../../scripts/servers.ts'
import type { App } from './app.ts'
import { basket } from './basket.ts'
import { answers, example } from './examples.ts'
import { matrix } from './matrix.ts'

const flaskSession: App = {
  name: 'Flask-Session with files',
  servers: ['flask', 'flaskSession'],
  config: example('flask-session/unstick.yaml'),
  store: 'sqlite',
  healthPath: '/health',
  vaulted: /^session$/,
  program: ({ port, sessions, folder }) => ({
    name: 'flask-session',
    command: PYTHON,
    args: [example('flask-session/app.py')],
    cwd: folder,
    env: { PORT: String(port), SECRET_KEY: 'the same on both replicas', SESSION_FOLDER: sessions },
    ready: () => answers(port, '/health'),
  }),
  ...basket,
}

matrix(flaskSession)
