import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PASSWORD, USER, type App } from './app.ts'
import { answers, example, whole } from './examples.ts'
import { matrix } from './matrix.ts'

const HOME = '/usr/share/tomcat10'
/** Behind Tomcat's own login, which gives the session a new id. */
const PROTECTED = '/examples/jsp/security/protected/index.jsp'
const PAGE = '/examples/servlets/servlet/SessionExample'

const tomcat: App = {
  name: "Tomcat's examples with PersistentManager and FileStore",
  servers: ['tomcat'],
  config: example('tomcat/unstick.yaml'),
  store: 'sqlite',
  healthPath: '/examples/index.html',
  vaulted: /^JSESSIONID$/,
  // The page takes ten attributes and no more.
  writes: 2,
  parallelWrites: 4,
  place: async ({ folder }) => {
    const contexts = join(folder, 'conf', 'Catalina', 'localhost')
    await mkdir(contexts, { recursive: true })
    await Promise.all(['logs', 'temp', 'webapps', 'work'].map((name) => mkdir(join(folder, name))))
    await writeFile(join(folder, 'conf', 'tomcat-users.xml'), `<tomcat-users><user username="${USER}" password="${PASSWORD}" roles="tomcat"/></tomcat-users>`)
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
    whole(await browser.get(PROTECTED))
    whole(await browser.post(PROTECTED.replace('index.jsp', 'j_security_check'), { j_username: USER, j_password: PASSWORD }))
  },
  begin: async (browser) => {
    whole(await browser.post(PAGE, { dataname: 'before', datavalue: 'here' }))
  },
  logout: async (browser) => {
    whole(await browser.get(`${PROTECTED}?logoff=true`))
  },
  write: async (browser, item) => {
    whole(await browser.post(PAGE, { dataname: item, datavalue: 'here' }))
  },
  read: async (browser) => {
    const items = shown(whole(await browser.get(PAGE)))
    const user = /logged in as remote user\s*<b>([^<]+)<\/b>/.exec(whole(await browser.get(PROTECTED)))?.[1]
    return { user, items }
  },
}

/** The page lists attributes as `name = value`, each followed by a line with a link that deletes it. */
function shown(page: string): string[] {
  return [...page.matchAll(/^(\S+) = \S+\n<a href/gm)].map(([, name = '']) => name).filter((name) => name !== 'before')
}

matrix(tomcat)
