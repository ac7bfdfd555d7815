import type { App } from './app.ts'
import { basket } from './basket.ts'
import { answers, example } from './examples.ts'
import { matrix } from './matrix.ts'

const express: App = {
  name: 'Express with session-file-store',
  servers: [],
  config: example('express/unstick.yaml'),
  store: 'redis',
  healthPath: '/health',
  vaulted: /^connect\.sid$/,
  program: ({ port, sessions, folder }) => ({
    name: 'express',
    command: process.execPath,
    args: [example('express/app.js')],
    cwd: folder,
    env: { PORT: String(port), SECRET_KEY: 'the same on both replicas', SESSION_FOLDER: sessions },
    ready: () => answers(port, '/health'),
  }),
  ...basket,
  begin: (browser) => basket.write(browser, 'before'),
}

matrix(express)
