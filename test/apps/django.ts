/** Django's admin, with the session engine that the test asks for. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { PYTHON } from '../../scripts/servers.ts'
import type { Browser } from '../support/browser.ts'
import { PASSWORD, USER, type App } from './app.ts'
import { answers, example, whole } from './examples.ts'

const run = promisify(execFile)
const MANAGE = example('django/manage.py')

export function django(engine: 'file' | 'signed_cookies', rest: Pick<App, 'name' | 'config' | 'store'> & Partial<App>): App {
  return {
    servers: ['django'],
    healthPath: '/health',
    vaulted: /^sessionid$/,
    prepare: async (shared) => {
      const env = { ...process.env, ...environment(shared), DJANGO_SUPERUSER_PASSWORD: PASSWORD }
      await run(PYTHON, [MANAGE, 'migrate', '--verbosity', '0'], { env })
      await run(PYTHON, [MANAGE, 'createsuperuser', '--noinput', '--username', USER, '--email', 'alice@example.org'], { env })
    },
    program: ({ port, sessions, shared }) => ({
      name: 'django',
      command: PYTHON,
      args: [MANAGE, 'runserver', '--noreload', `127.0.0.1:${port}`],
      env: { ...environment(shared), SESSION_ENGINE: engine, SESSION_FOLDER: sessions },
      ready: () => answers(port, '/health'),
    }),
    login: async (browser) => {
      const form = whole(await browser.get('/admin/login/?next=/admin/'))
      const token = /name="csrfmiddlewaretoken" value="([^"]+)"/.exec(form)?.[1] ?? ''
      whole(await browser.post('/admin/login/?next=/admin/', { username: USER, password: PASSWORD, next: '/admin/', csrfmiddlewaretoken: token }))
    },
    logout: async (browser) => {
      whole(await browser.post('/admin/logout/', { csrfmiddlewaretoken: token(browser) }))
    },
    write: async (browser, item) => {
      whole(await browser.post('/basket', { item, csrfmiddlewaretoken: token(browser) }))
    },
    read: async (browser) => {
      const page = whole(await browser.get('/admin/'))
      const user = /Welcome,\s*<strong>([^<]+)<\/strong>/.exec(page)?.[1]
      return { user, items: [...page.matchAll(/<li class="basket">([^<]+)</g)].map(([, item]) => item ?? '') }
    },
    ...rest,
  }
}

function environment(shared: string): Record<string, string> {
  return { SECRET_KEY: 'the same on both replicas', DATABASE: join(shared, 'db.sqlite3'), PYTHONDONTWRITEBYTECODE: '1' }
}

/** Django's protection against forged requests: what its cookie says has to come in the form too. */
function token(browser: Browser): string {
  return browser.cookie('csrftoken') ?? ''
}
