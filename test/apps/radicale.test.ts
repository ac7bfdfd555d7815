import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { commandPath } from '../../scripts/servers.ts'
import { PASSWORD, USER } from './app.ts'
import { answers, example, whole } from './examples.ts'
import { PASSWORD_FILE } from './htpasswd.ts'
import { sessionlessMatrix, type SessionlessApp } from './sessionless-matrix.ts'

/** What is written is an appointment in this calendar, which is nobody's but the user's. */
const CALENDAR = `/${USER}/basket/`

const radicale: SessionlessApp = {
  name: 'Radicale with X-Remote-User',
  servers: ['apache', 'radicale'],
  config: example('radicale/unstick.yaml'),
  store: 'sqlite',
  healthPath: '/.web/css/main.css',
  vaulted: /^(?!(?:__Host-)?unstick$)/,
  spoofs: () => [{ 'x-remote-user': USER }, { 'X-REMOTE-USER': USER }, { x_remote_user: USER }, { 'x-remote_user': USER }, { 'x-remote-user': 'nobody', X_Remote_User: USER }],
  prepare: async (shared) => {
    await mkdir(join(shared, 'calendars'))
    // Apache changes to a user of its own where it may.
    await chmod(join(shared, 'calendars'), 0o777)
    await writeFile(join(shared, 'storage.ini'), `[storage]\nfilesystem_folder = ${join(shared, 'calendars')}\n`)
    await writeFile(join(shared, 'users'), PASSWORD_FILE)
  },
  program: ({ port, folder, shared }) => ({
    name: 'radicale',
    command: commandPath('apache2') ?? 'apache2',
    args: ['-f', example('radicale/httpd.conf'), '-DFOREGROUND'],
    env: {
      PORT: String(port),
      FOLDER: folder,
      USERS: join(shared, 'users'),
      RADICALE_CONFIG: `${example('radicale/radicale.ini')}:${join(shared, 'storage.ini')}`,
    },
    ready: () => answers(port, '/.web/css/main.css'),
  }),
  login: async (browser) => {
    whole(await browser.post('/login', { httpd_username: USER, httpd_password: PASSWORD }))
    const made = await browser.send('MKCALENDAR', CALENDAR)
    if (made.status !== 201) throw new Error(`the calendar was not made: ${made.status}`)
  },
  write: async (browser, item) => {
    const added = await browser.send('PUT', `${CALENDAR}${item}.ics`, { headers: { 'content-type': 'text/calendar' }, body: appointment(item) })
    if (added.status !== 201) throw new Error(`the appointment was not added: ${added.status}`)
  },
  read: async (browser) => {
    const calendar = await browser.get(CALENDAR)
    // 403: for anybody else; 404: not made yet.
    if (calendar.status === 403) return { user: undefined, items: [] }
    if (calendar.status === 404) return { user: USER, items: [] }
    return { user: USER, items: [...whole(calendar).matchAll(/^SUMMARY:(\w+)/gm)].map(([, item]) => item ?? '') }
  },
  logout: async (browser) => {
    whole(await browser.post('/logout', {}))
  },
}

function appointment(summary: string): string {
  return [
    'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//unstick//tests', 'BEGIN:VEVENT', `UID:${summary}`, 'DTSTAMP:20260101T080000Z', 'DTSTART:20260101T090000Z',
    `SUMMARY:${summary}`, 'END:VEVENT', 'END:VCALENDAR', '',
  ].join('\r\n')
}

sessionlessMatrix(radicale)
