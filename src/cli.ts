#!/usr/bin/env node
/** Commands and exit codes: 0 clean, 2 configuration, 1 anything else. */
import { Command, CommanderError, Option } from 'commander'
import { checkConfig, keygen } from './config/check.ts'
import type { Address } from './config/config.ts'
import { loadConfig, type LoadOptions } from './config/load.ts'
import { UnstickError } from './errors.ts'
import { requireNode } from './node-version.ts'
import type { Registry } from './session/registry.ts'
import type * as SessionsCommand from './sessions-command.ts'
import type { Said, Which } from './sessions-command.ts'
import manifest from '../package.json' with { type: 'json' }

interface RunFlags {
  readonly config?: string
  readonly listen?: string
  readonly upstream?: string
  readonly store?: string
  readonly app?: string
  readonly admin?: string
}

interface SessionsFlags {
  readonly config?: string
  readonly store?: string
  readonly subject?: string
  readonly json?: boolean
}

const CONFIG_OPTION = ['-c, --config <file>', 'configuration (default: ./unstick.yaml, then /etc/unstick/unstick.yaml)'] as const
const STORE_OPTION = ['--store <url>', 'the shared store, instead of that of the configuration'] as const

const program = new Command('unstick')
  .description('A reverse-proxy sidecar that makes web sessions sticky-free: any replica of an unmodified app serves any session.')
  .version(manifest.version)
  .exitOverride()
  .showHelpAfterError('(unstick --help shows all commands)')

configured(program.command('run').description('run the sidecar before one replica of the app'))
  .addOption(new Option('--log-level <level>', 'how much to log').choices(['debug', 'info', 'warn', 'error']).default('info'))
  .action(async (flags: RunFlags & { logLevel: string }) => { await run(flags, flags.logLevel) })

configured(program.command('check').description('check a configuration and print every problem'))
  .action((flags: RunFlags) => {
    const { lines, file, keys } = checkConfig(loadOptions(flags))
    if (lines.length === 0) {
      const secrets = keys.map((id, index) => `secret ${index + 1}: key id ${id}, ${index === 0 ? 'seals and signs' : 'opens what it sealed'}\n`)
      process.stdout.write(`${file ?? 'the configuration'}: no problems\n${secrets.join('')}`)
    } else {
      process.stderr.write(`${lines.join('\n')}\n`)
      process.exitCode = 2
    }
  })

const sessions = program.command('sessions').description('look up sessions of a user in the store, and end them')

sessions.command('list').description('the sessions of a user')
  .requiredOption('--subject <name>', 'the user, as the app or a rule names them')
  .option('--json', 'print JSON').option(...CONFIG_OPTION).option(...STORE_OPTION)
  .action((flags: SessionsFlags & { subject: string }) => overSessions(flags, ({ listSessions }, registry) => listSessions(registry, flags.subject, flags.json === true)))

sessions.command('show').description('all that may be known of a session, or of all those of a user')
  .argument('[key]', 'the session, by the key that list prints')
  .option('--subject <name>', 'instead of a key: all sessions of this user')
  .option('--json', 'print JSON').option(...CONFIG_OPTION).option(...STORE_OPTION)
  .action((key: string | undefined, flags: SessionsFlags) => {
    const wanted = which(key, flags)
    return overSessions(flags, ({ showSessions }, registry) => showSessions(registry, wanted, flags.json === true))
  })

sessions.command('revoke').description('end a session, or all those of a user: logged out everywhere, at once')
  .argument('[key]', 'the session, by the key that list prints')
  .option('--subject <name>', 'instead of a key: all sessions of this user')
  .option(...CONFIG_OPTION).option(...STORE_OPTION)
  .action((key: string | undefined, flags: SessionsFlags) => {
    const wanted = which(key, flags)
    return overSessions(flags, ({ revokeSessions }, registry) => revokeSessions(registry, wanted))
  })

program.command('health').description('ask the running sidecar whether it wants traffic: exit 0 if so, 1 if not')
  .option('-c, --config <file>', 'its configuration (default: ./unstick.yaml, then /etc/unstick/unstick.yaml)')
  .option('--admin <address>', 'its admin port, if `run` was told one')
  .action(async ({ config, admin }: Pick<RunFlags, 'config' | 'admin'>) => {
    const [{ adminAddress }, { probe }] = await Promise.all([import('./config/admin-address.ts'), import('./admin/probe.ts')])
    const { ready, says } = await probe(adminAddress({ file: config, admin }))
    process.stdout.write(`${says}\n`)
    if (!ready) process.exitCode = 1
  })

program.command('demo').description('two replicas of an app, broken without unstick and working with it')
  .option('--once', 'play the story unattended, print what came of it, and exit')
  .option('--port <port>', 'the first of the two ports', Number)
  .action(async (flags: { once?: boolean; port?: number }) => {
    const { runDemo } = await import('./demo/demo.ts')
    process.exitCode = await runDemo({ once: flags.once === true, ...(flags.port === undefined ? {} : { port: flags.port }) })
  })

program.command('keygen').description('print a new secret, and on standard error its key id')
  .action(() => {
    const { secret, keyId } = keygen()
    process.stdout.write(`${secret}\n`)
    // Apart, so that the output is the secret and nothing else.
    process.stderr.write(`key id ${keyId} (metrics and logs call this secret by it)\n`)
  })

/** With the options that say what a sidecar is to do: those of `run`, and of `check` before it. */
function configured(command: Command): Command {
  return command
    .option(...CONFIG_OPTION)
    .option('--listen <address>', 'where to listen: host:port or unix:/path')
    .option('--upstream <url>', 'the app: http://host:port or unix:/path')
    .option('--store <url>', 'the shared store: sqlite:PATH, redis://host:port, …')
    .option('--app <preset>', 'how the app keeps its sessions: php, django, express-file, …')
    .option('--admin <address>', 'where health and metrics answer: host:port or unix:/path')
}

/** Prints what `ask` says of the sessions in the configuration's store; exit code 1 where what was asked for is not there. */
async function overSessions(flags: SessionsFlags, ask: (command: typeof SessionsCommand, registry: Registry) => Promise<Said>): Promise<void> {
  const { config } = loadConfig({ file: flags.config, overrides: { store: flags.store }, storeOnly: true })
  const [command, { openRegistry }] = await Promise.all([import('./sessions-command.ts'), import('./sidecar.ts')])
  const { registry, close } = openRegistry(config)
  try {
    const { text: said, found, note } = await ask(command, registry)
    process.stdout.write(said)
    if (note !== undefined) process.stderr.write(note)
    if (!found) process.exitCode = 1
  } finally {
    await close()
  }
}

function which(key: string | undefined, { subject }: SessionsFlags): Which {
  if (key !== undefined && subject === undefined) return { key }
  if (key === undefined && subject !== undefined) return { subject }
  throw new UnstickError('config_invalid', key === undefined ? 'Say which session, by its key, or whose, by --subject NAME.' : 'Say either which session, by its key, or whose, by --subject NAME: not both.')
}

async function run(flags: RunFlags, level: string): Promise<void> {
  // From here on a signal ends in a clean stop, also one that comes while the sidecar starts, or as soon as it says that it is ready.
  // Before it, the first process of a container would not even hear one.
  const told = signalled()
  const { config } = loadConfig(loadOptions(flags))
  // The other commands are done before all of this is loaded.
  const [{ createLog }, { startSidecar }] = await Promise.all([import('./log.ts'), import('./sidecar.ts')])
  const log = createLog({ level, terminal: process.stderr.isTTY, colour: process.stderr.isTTY && process.stderr.hasColors() })
  const sidecar = await startSidecar(config, { log })
  log.info({ listen: text(sidecar.address), admin: text(sidecar.adminAddress), upstream: text(config.upstream), store: config.store.kind }, 'unstick is ready')
  const signal = await told
  log.info({ signal }, 'unstick is stopping: finishing what is in flight')
  await sidecar.stop()
  log.info('unstick has stopped')
}

/** npm passes a Ctrl-C on that the terminal has already sent: two so close together are one. */
const SAME_SIGNAL_MS = 1_000

/** Resolves with the first signal to stop. A later one ends the process at once, for somebody who does not want to wait for the drain. */
function signalled(): Promise<string> {
  return new Promise((resolve) => {
    let at: number | undefined
    for (const name of ['SIGTERM', 'SIGINT'] as const) {
      process.on(name, () => {
        if (at !== undefined && Date.now() - at > SAME_SIGNAL_MS) process.exit(1)
        at ??= Date.now()
        resolve(name)
      })
    }
  })
}

const text = (address: Address): string => ('unix' in address ? `unix:${address.unix}` : `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`)

function loadOptions({ config, listen, upstream, store, app, admin }: RunFlags): LoadOptions {
  return { file: config, overrides: { listen, upstream, store, app, admin } }
}

try {
  requireNode(manifest.engines.node)
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else if (error instanceof UnstickError) {
    // Many messages say in their own words already what the cause was.
    const cause = error.cause instanceof Error && !error.message.includes(error.cause.message) ? ` (${error.cause.message})` : ''
    process.stderr.write(`unstick: ${error.message}${cause}\n`)
    process.exitCode = error.code === 'config_invalid' || error.code === 'not_supported' ? 2 : 1
  } else {
    process.stderr.write(`unstick: a fault in unstick itself: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    process.exitCode = 1
  }
}
