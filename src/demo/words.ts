/** What the demo writes to the terminal. At most 80 columns; colours only where the terminal shows them. */
import { styleText } from 'node:util'
import type { Replica } from './replica.ts'
import type { Addresses } from './stage-texts.ts'
import { REPLICAS, urlOf } from './stage-texts.ts'
import type { Story } from './story.ts'
import type { Tally } from './tally.ts'

export type Format = Parameters<typeof styleText>[0]
/** Colours a text, or leaves it as it is. */
export type Paint = (format: Format, text: string) => string

/** Follows NO_COLOR, FORCE_COLOR and whether the stream is a terminal. */
export const paintFor =
  (stream: NodeJS.WriteStream): Paint =>
  (format, text) =>
    styleText(format, text, { stream })

export function introduction(ports: Addresses, replicas: readonly Replica[], paint: Paint): string {
  const rows = replicas.map(
    (replica) => `  replica ${replica.name}       app pid ${replica.pidOf('app')}, sidecar pid ${replica.pidOf('sidecar')}`,
  )
  return [
    '',
    paint('bold', 'unstick demo: one shop, two replicas, each with its own session files'),
    '',
    `  ${paint(['bold', 'green'], 'with unstick')}    ${paint('underline', urlOf(ports.withUnstick))}`,
    `  ${paint(['bold', 'red'], 'without')}         ${paint('underline', urlOf(ports.without))}`,
    '',
    ...rows.map((row) => paint('dim', row)),
    '',
    'Try the same at both addresses:',
    '  1. Log in, then reload: each request goes to the other replica.',
    '  2. Fill the cart, then send 20 requests and watch the tiles.',
    `  3. Kill a replica, with its button or with kill -9 ${replicas[0]?.pidOf('app')}.`,
    '     It comes back within seconds, with no session files.',
    '',
    paint('dim', 'Ctrl-C stops everything and leaves nothing behind.'),
    '',
  ].join('\n')
}

const LABEL_WIDTH = 30
const COLUMN_WIDTH = 18

/** The table of `--once`, and a sentence on each address. */
export function storyTable({ withUnstick, without }: Story, paint: Paint): string {
  const row = (label: string, of: (tally: Tally) => string | number, format?: (tally: Tally) => Format | undefined): string => {
    const cell = (tally: Tally): string => {
      const text = String(of(tally)).padStart(COLUMN_WIDTH)
      const wanted = format?.(tally)
      return wanted === undefined ? text : paint(wanted, text)
    }
    return `  ${label.padEnd(LABEL_WIDTH)}${cell(withUnstick)}${cell(without)}`
  }
  const whole = (right: boolean): Format => (right ? 'green' : 'red')
  return [
    '',
    paint('bold', `  ${''.padEnd(LABEL_WIDTH)}${'with unstick'.padStart(COLUMN_WIDTH)}${'without'.padStart(COLUMN_WIDTH)}`),
    paint('dim', `  ${'-'.repeat(LABEL_WIDTH + 2 * COLUMN_WIDTH)}`),
    row('requests', (tally) => tally.requests),
    ...REPLICAS.map((name) => row(`answered by ${name}`, (tally) => tally.by.get(name) ?? 0)),
    row('session kept', (tally) => tally.kept, (tally) => whole(tally.kept === tally.requests)),
    row('logged out', (tally) => tally.loggedOut, (tally) => whole(tally.loggedOut === 0)),
    row('no answer', (tally) => tally.failed, (tally) => whole(tally.failed === 0)),
    row(
      'cart intact after the kill',
      ({ afterKill }) => `${afterKill.cartIntact} of ${afterKill.requests}`,
      ({ afterKill }) => whole(afterKill.cartIntact === afterKill.requests),
    ),
    '',
  ].join('\n')
}

/** One sentence on a story that went as promised. */
export const conclusion = ({ withUnstick, without }: Story): string =>
  `With unstick, all ${withUnstick.requests} requests kept their session. Without it, ${without.kept} of ${without.requests} did.`
