import type { App } from './app.ts'
import { basket } from './basket.ts'
import { example } from './examples.ts'
import { matrix } from './matrix.ts'
import { httpd, placeHttpd } from './mod-session.ts'

const modSession: App = {
  name: "an app for Apache's mod_session",
  servers: ['apache'],
  config: example('mod-session/unstick.yaml'),
  store: 'redis',
  healthPath: '/health',
  vaulted: /^session$/,
  place: placeHttpd,
  program: (place) => httpd(place.layout === 'sidecars' ? 'unstick' : 'mod-session-dbd', place),
  ...basket,
  begin: (browser) => basket.write(browser, 'before'),
}

matrix(modSession)
