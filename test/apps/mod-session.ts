/** The basket of `examples/mod-session` in Apache httpd, with one of the things that may keep its session. */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { commandPath } from '../../scripts/servers.ts'
import type { Program } from '../support/process.ts'
import type { Place } from './app.ts'
import { answers, example } from './examples.ts'

/** The files of the example, by what keeps the session. */
export type Keeper = 'mod-session-cookie' | 'mod-session-dbd' | 'unstick'

/** Makes a replica's folder ready for any of them. */
export async function placeHttpd({ folder }: Pick<Place, 'folder'>): Promise<void> {
  const file = join(folder, 'sessions.db')
  const database = new DatabaseSync(file)
  database.exec('CREATE TABLE session (key TEXT PRIMARY KEY, value TEXT, expiry INTEGER)')
  database.close()
  // Apache changes to a user of its own where it may, and SQLite writes beside its file.
  await chmod(file, 0o666)
  await chmod(folder, 0o777)
}

export function httpd(keeper: Keeper, { port, folder }: Pick<Place, 'port' | 'folder'>): Program {
  return {
    name: `httpd with ${keeper}`,
    command: commandPath('apache2') ?? 'apache2',
    args: ['-f', example('mod-session/httpd.conf'), '-c', `Include "${example(`mod-session/${keeper}.conf`)}"`, '-DFOREGROUND'],
    env: { PORT: String(port), FOLDER: folder, APP: example('mod-session'), SECRET_KEY: 'the same on both replicas' },
    ready: () => answers(port, '/health'),
  }
}
