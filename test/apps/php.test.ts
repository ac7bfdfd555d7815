import type { App } from './app.ts'
import { basket } from './basket.ts'
import { answers, example } from './examples.ts'
import { matrix } from './matrix.ts'

const php: App = {
  name: "PHP with its own sessions, and a new id at login",
  servers: ['php'],
  config: example('php/unstick.yaml'),
  store: 'redis',
  healthPath: '/health',
  vaulted: /^PHPSESSID$/,
  program: ({ port, sessions }) => ({
    name: 'php',
    command: 'php',
    args: ['-S', `127.0.0.1:${port}`, example('php/index.php')],
    env: { SESSION_FOLDER: sessions, PHP_CLI_SERVER_WORKERS: '4' },
    ready: () => answers(port, '/health'),
  }),
  ...basket,
  begin: (browser) => basket.write(browser, 'before'),
}

matrix(php)
