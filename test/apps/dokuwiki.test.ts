import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CutShort } from '../support/browser.ts'
import { PASSWORD, USER, type App } from './app.ts'
import { answers, example, whole } from './examples.ts'
import { matrix } from './matrix.ts'

const run = promisify(execFile)

const dokuwiki: App = {
  name: 'DokuWiki on PHP',
  servers: ['php', 'dokuwiki'],
  config: example('dokuwiki/unstick.yaml'),
  store: 'redis',
  healthPath: '/lib/images/blank.gif',
  vaulted: /^DokuWiki$|^DW[0-9a-f]{32}$/,
  prepare: async (shared) => {
    const conf = join(shared, 'conf')
    await mkdir(conf)
    for (const name of await readdir('/etc/dokuwiki')) {
      // The two that are links into a folder that only the wiki's user may read; ours come instead.
      if (!name.endsWith('.auth.php')) await cp(join('/etc/dokuwiki', name), join(conf, name), { dereference: true, recursive: true })
    }
    await cp(example('dokuwiki/conf'), conf, { recursive: true })
    const { stdout: hash } = await run('php', ['-r', 'echo password_hash($argv[1], PASSWORD_BCRYPT, ["cost" => 4]);', PASSWORD])
    await writeFile(join(conf, 'users.auth.php'), `${USER}:${hash}:Alice:alice@example.org:admin,user\n`)
    for (const folder of ['attic', 'cache', 'index', 'locks', 'log', 'media', 'media_attic', 'media_meta', 'meta', 'pages', 'tmp']) {
      await mkdir(join(shared, 'data', folder), { recursive: true })
    }
  },
  program: ({ port, sessions, shared }) => ({
    name: 'dokuwiki',
    command: 'php',
    args: ['-S', `127.0.0.1:${port}`, '-t', '/usr/share/dokuwiki', '-c', example('dokuwiki/php.ini')],
    env: {
      SESSION_FOLDER: sessions,
      DOKUWIKI_CONF: join(shared, 'conf'),
      DOKUWIKI_DATA: join(shared, 'data'),
      DOKUWIKI_PREPEND: example('dokuwiki/prepend.php'),
    },
    ready: () => answers(port, '/lib/images/blank.gif'),
  }),
  login: async (browser) => {
    const form = whole(await browser.get('/doku.php?id=start&do=login'))
    whole(await browser.post('/doku.php?id=start', { ...hidden(form, 'dw__login'), u: USER, p: PASSWORD, do: 'login' }))
  },
  begin: async (browser) => {
    whole(await browser.get('/doku.php?id=start'))
  },
  logout: async (browser) => {
    const page = whole(await browser.get('/doku.php?id=start'))
    const link = /href="([^"]*do=logout[^"]*)"/.exec(page)?.[1]
    if (link === undefined) throw new Error('the page has no way to log out')
    whole(await browser.get(link.replaceAll('&amp;', '&')))
  },
  // A page is edited as people do; having seen it is what the session remembers.
  write: async (browser, item) => {
    const form = whole(await browser.get(`/doku.php?id=${item}&do=edit`))
    const saved = whole(await browser.post('/doku.php', { ...hidden(form, 'dw__editform'), wikitext: `Text of ${item}`, 'do[save]': '1' }))
    if (!saved.includes(`Text of ${item}`)) throw new Error('the page was not saved')
  },
  read: async (browser) => {
    const page = whole(await browser.get('/doku.php?id=start'))
    // PHP's own server marks the end of a page by closing the connection, and so does its death.
    if (!page.trimEnd().endsWith('</html>')) throw new CutShort('the page was cut short')
    const trace = /<div class="trace">(.*?)<\/div>/s.exec(page)?.[1] ?? ''
    return {
      user: /Logged in as: <\/?[^(]*\(<bdi>([^<]+)<\/bdi>\)/.exec(page)?.[1],
      items: [...trace.matchAll(/title="([^"]+)"/g)].map(([, title]) => title ?? ''),
    }
  },
}

/** The hidden fields of one form of a page, the token against forged requests among them. */
function hidden(page: string, id: string): Record<string, string> {
  const form = new RegExp(`<form[^>]*id="${id}".*?</form>`, 's').exec(page)?.[0] ?? ''
  const fields: Record<string, string> = {}
  for (const [input] of form.matchAll(/<input[^>]*type="hidden"[^>]*>/g)) {
    const name = /name="([^"]*)"/.exec(input)?.[1]
    if (name !== undefined) fields[name] = /value="([^"]*)"/.exec(input)?.[1] ?? ''
  }
  return fields
}

matrix(dokuwiki)
