import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toolPath } from '../../scripts/tools.ts'
import type { Browser, Page } from '../support/browser.ts'
import { PASSWORD, USER } from './app.ts'
import { answers, example, whole } from './examples.ts'
import { PASSWORD_FILE } from './htpasswd.ts'
import { sessionlessMatrix, type SessionlessApp } from './sessionless-matrix.ts'

/** What is written is a tag of this package: any user who is logged in may set one, and no one else may see it. */
const PACKAGE = 'basket'

const verdaccio: SessionlessApp = {
  name: 'Verdaccio with its bearer tokens',
  servers: ['verdaccio'],
  config: example('verdaccio/unstick.yaml'),
  store: 'redis',
  healthPath: '/-/ping',
  vaulted: /^(?!(?:__Host-)?unstick$)/,
  // Whoever has the token himself comes with a cookie all the same.
  spoofs: (token) => [{ authorization: `Bearer ${token}` }],
  secrets: /"token":\s*"([^"]+)"/g,
  prepare: async (shared) => {
    await cp(example('verdaccio/config.yaml'), join(shared, 'config.yaml'))
    await writeFile(join(shared, 'htpasswd'), PASSWORD_FILE)
    await mkdir(join(shared, 'storage'))
    // Verdaccio makes one where there is none; two that start at once would each make theirs.
    await writeFile(join(shared, 'storage', '.verdaccio-db.json'), JSON.stringify({ list: [], secret: 'the same on both replicas, 32 ch' }))
  },
  program: ({ port, shared }) => ({
    name: 'verdaccio',
    command: process.execPath,
    args: [toolPath('verdaccio'), '--config', join(shared, 'config.yaml'), '--listen', `127.0.0.1:${port}`],
    ready: () => answers(port, '/-/ping'),
  }),
  login: async (browser) => {
    whole(await json(browser, 'POST', '/-/verdaccio/sec/login', { username: USER, password: PASSWORD }))
    // The app takes these for the same, and answers with a token too.
    for (const path of ['/-/verdaccio/sec/LOGIN', '/-/verdaccio/sec/login/']) {
      whole(await json(browser, 'POST', path, { username: USER, password: PASSWORD }))
    }
    // The other two ways to a token, for whoever is logged in.
    const again = await json(browser, 'PUT', `/-/user/org.couchdb.user:${USER}`, { name: USER, password: PASSWORD })
    if (again.status !== 201) throw new Error(`npm's login was answered ${again.status}`)
    whole(await json(browser, 'POST', '/-/npm/v1/tokens', { password: PASSWORD, readonly: false, cidr_whitelist: [] }))
    const published = await json(browser, 'PUT', `/${PACKAGE}`, emptyPackage())
    if (published.status !== 201) throw new Error(`the package was not published: ${published.status}`)
  },
  write: async (browser, item) => {
    const tagged = await json(browser, 'PUT', `/-/package/${PACKAGE}/dist-tags/${item}`, '1.0.0')
    if (tagged.status !== 201) throw new Error(`the tag was not set: ${tagged.status}`)
  },
  read: async (browser) => {
    const { username } = JSON.parse(whole(await browser.get('/-/whoami'))) as { username?: string }
    const tags = await browser.get(`/-/package/${PACKAGE}/dist-tags`)
    // 401: for nobody; 404: not published yet.
    if (tags.status === 401 || tags.status === 404) return { user: username, items: [] }
    return { user: username, items: Object.keys(JSON.parse(whole(tags)) as object) }
  },
  logout: async (browser) => {
    whole(await json(browser, 'DELETE', '/-/user/token/mine', undefined))
  },
}

function json(browser: Browser, method: string, path: string, value: unknown): Promise<Page> {
  return browser.send(method, path, { headers: { 'content-type': 'application/json' }, ...(value === undefined ? {} : { body: JSON.stringify(value) }) })
}

/** As `npm publish` sends it. Nobody unpacks it here. */
function emptyPackage(): object {
  const tarball = Buffer.from('not a tarball')
  return {
    name: PACKAGE,
    'dist-tags': { latest: '1.0.0' },
    versions: { '1.0.0': { name: PACKAGE, version: '1.0.0', dist: { tarball: `http://localhost/${PACKAGE}/-/${PACKAGE}-1.0.0.tgz` } } },
    _attachments: { [`${PACKAGE}-1.0.0.tgz`]: { content_type: 'application/octet-stream', data: tarball.toString('base64'), length: tarball.length } },
  }
}

sessionlessMatrix(verdaccio)
