import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { USER, type App, type State } from './app.ts'
import { answers, example, whole } from './examples.ts'
import { matrix } from './matrix.ts'

const HOME = '/usr/share/tomcat10'
const PAGE = '/examples/servlets/servlet/SessionExample'

const tomcat: App = {
  name: "Tomcat's examples with PersistentManager and FileStore",
  servers: ['tomcat'],
  config: example('tomcat/unstick.yaml'),
  store: 'sqlite',
  healthPath: '/examples/index.html',
  vaulted: /^JSESSIONID$/,
  // The page takes ten attributes and no more, the user among them.
  writes: 2,
  parallelWrites: 4,
  place: async ({ folder }) => {
    const contexts = join(folder, 'conf', 'Catalina', 'localhost')
    await mkdir(contexts, { recursive: true })
    await Promise.all(['logs', 'temp', 'webapps', 'work'].map((name) => mkdir(join(folder, name))))
    await copyFile(example('tomcat/server.xml'), join(folder, 'conf', 'server.xml'))
    await copyFile(example('tomcat/examples.xml'), join(contexts, 'examples.xml'))
    for (const name of ['catalina.properties', 'web.xml']) await copyFile(join(HOME, 'etc', name), join(folder, 'conf', name))
  },
  program: ({ port, sessions, folder }) => ({
    name: 'tomcat',
    command: join(HOME, 'bin', 'catalina.sh'),
    args: ['run'],
    env: {
      CATALINA_HOME: HOME,
      CATALINA_BASE: folder,
      CATALINA_OPTS: `-Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dhttp.port=${port} -Dsession.folder=${sessions}`,
    },
    ready: () => answers(port, '/examples/index.html'),
    startMs: 60_000,
  }),
  login: async (browser) => {
    whole(await browser.post(PAGE, { dataname: 'user', datavalue: USER }))
  },
  write: async (browser, item) => {
    whole(await browser.post(PAGE, { dataname: item, datavalue: 'here' }))
  },
  read: async (browser) => shown(whole(await browser.get(PAGE))),
}

/** The page lists attributes as `name = value`, each followed by a line with a link that deletes it. */
function shown(page: string): State {
  const attributes = new Map([...page.matchAll(/^(\S+) = (\S+)\n<a href/gm)].map(([, name = '', value = '']) => [name, value]))
  return { user: attributes.get('user'), items: [...attributes.keys()].filter((name) => name !== 'user') }
}

matrix(tomcat)
