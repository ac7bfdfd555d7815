/** Sends one order of a client to the app through some sidecar, and enters what is heard in the session's ledger. */
import type { Agent } from 'node:http'
import { type Begun, type Ledger, nameOfToken } from './ledger.ts'
import type { Random } from './random.ts'
import type { Tally } from './tally.ts'
import type { FaultWindows } from './windows.ts'
import { type Ask, type Head, hear, type Heard } from './wire.ts'
import { type CarrierName, type EntryKey, ID_COOKIE, type Saw, SAW_HEADER, type Shape } from './words.ts'

export interface World {
  readonly carrier: CarrierName
  /** Where the sidecars listen. */
  readonly ports: readonly number[]
  /** Which of them, or the app behind them, are down or stand still. */
  readonly away: Set<number>
  /** The sidecar that a fault will hit in a moment: clients see to it that it holds leases by then. */
  readonly aim: { sidecar: number | undefined }
  readonly windows: FaultWindows
  readonly tally: Tally
  readonly agent: Agent
}

export interface Order {
  readonly action: 'start' | 'login' | 'append' | 'read' | 'logout'
  readonly entry?: EntryKey
  /** Over a route with `lock: exclusive`. */
  readonly locked?: boolean
  /** Over a route with `lock: off`, and with a cookie of the app's own in the answer: all that a write can bring back. */
  readonly bare?: boolean
  /** Through this sidecar, rather than any. */
  readonly through?: number
  readonly shape?: Shape
  readonly delayMs?: number
  readonly keepCookie?: boolean
  readonly hangUp?: Ask['hangUp']
}

export interface Sent {
  /** What the app saw, as soon as it counts: the head with cookies, the end with files. undefined: no answer that counts. */
  readonly answered: Promise<Saw | undefined>
  /** Nothing of it is on its way any more, as far as the client can tell. */
  readonly over: Promise<void>
}

/** What the contract lets a sidecar answer when something is down. */
const CODES = new Set(['upstream_unreachable', 'upstream_broke', 'store_unavailable', 'session_busy', 'draining', 'upstream_timeout'])

export function send(world: World, random: Random, ledger: Ledger, order: Order): Sent {
  const { tally } = world
  const at = performance.now()
  const begun = ledger.begin(at)
  const number = order.action === 'append' ? ledger.issue() : undefined
  const rotated = mayRotate(world, begun, order) ? ledger.mayRotate(begun) : undefined
  if (order.action === 'logout') ledger.logoutBegins(at)
  const port = (order.through === undefined ? undefined : world.ports[order.through]) ?? pickPort(world, random)
  tally.add('requests')
  let saw: Saw | undefined
  let settle: (saw: Saw | undefined) => void = () => undefined
  const answered = new Promise<Saw | undefined>((resolve) => { settle = resolve })
  const accept = (head: Head): void => {
    if (saw !== undefined) return
    saw = JSON.parse(String(head.headers[SAW_HEADER])) as Saw
    rotated?.(givenToken(head))
    if (order.action !== 'logout') {
      ledger.answered(begun, performance.now(), saw, number === undefined || order.entry === undefined ? undefined : { entry: order.entry, number })
    }
    settle(saw)
  }
  const onHead = (head: Head): void => {
    takeCookies(world, ledger, head)
    if (world.carrier === 'cookies' && head.status === 200 && head.code === undefined) accept(head)
  }
  const what = pathOf(order, ledger, number)
  const over = hear(world.agent, {
    port, method: order.action === 'read' ? 'GET' : 'POST', path: what,
    cookie: begun.token === undefined ? undefined : `unstick=${begun.token}`,
    ...(order.hangUp === undefined ? {} : { hangUp: order.hangUp }),
    onHead,
  }).then((heard) => {
    if (heard.state === 'whole' && heard.head.status === 200 && heard.head.code === undefined) accept(heard.head)
    else judge(world, ledger, at, heard)
    settle(saw)
    tell(ledger, { at, what, heard, saw, sidecar: world.ports.indexOf(port), begun })
  })
  return { answered, over }
}

/** A new token comes with a new id of a session in files, and with a cookie of a name that the session did not have. */
function mayRotate({ carrier }: World, { floor }: Begun, { action, entry }: Order): boolean {
  return carrier === 'files' ? action === 'login' : entry !== undefined && !floor.has(entry)
}

/** Mostly one that works, as behind a balancer with health checks: else all would soon wait for the one that stands still. */
export function pickPort({ ports, away }: World, random: Random): number {
  const up = ports.filter((_, index) => !away.has(index))
  return random.pick(up.length > 0 && random.chance(0.8) ? up : ports)
}

function pathOf({ action, entry, locked, bare, shape, delayMs, keepCookie }: Order, ledger: Ledger, number: number | undefined): string {
  const asked = new URLSearchParams()
  if (action === 'start') asked.set('owner', ledger.owner)
  if (entry !== undefined) asked.set('entry', entry)
  if (number !== undefined) asked.set('op', String(number))
  if (shape !== undefined) asked.set('shape', shape)
  if (delayMs !== undefined) asked.set('delay', String(delayMs))
  if (keepCookie === true) asked.set('keepCookie', '')
  if (bare === true) asked.set('rolling', '')
  return `/${bare === true ? 'bare' : locked === true ? 'locked' : 'free'}/${action}?${asked.toString()}`
}

/** The token in an answer; empty: taken away. */
function givenToken(head: Head): string | undefined {
  const line = head.headers['set-cookie']?.find((each) => each.startsWith('unstick='))
  return line?.slice('unstick='.length, `${line};`.indexOf(';'))
}

function takeCookies(world: World, ledger: Ledger, head: Head): void {
  for (const line of head.headers['set-cookie'] ?? []) {
    const [name, value] = line.slice(0, `${line};`.indexOf(';')).split('=')
    if (name === 'unstick') ledger.takeToken(value === '' ? undefined : value)
    else if (name === ID_COOKIE || /^e\d$/.test(name ?? '')) world.tally.report('foreign', `the client was given the vaulted cookie ${name}`, ledger)
  }
}

/** An answer that is none: allowed only while something is down, and only as the contract says it. */
function judge({ windows, tally }: World, ledger: Ledger, at: number, heard: Heard): void {
  if (heard.state === 'failed' && heard.fault === undefined) {
    tally.add('hangUps')
    return
  }
  const excused = windows.excuses(at, performance.now())
  if (heard.state === 'failed') {
    const fault = heard.fault ?? ''
    if (fault.includes(' passed for ')) tally.report('cut', fault, ledger)
    else if (excused) tally.excuse(fault)
    else tally.report('error', `${fault} after ${Math.round(performance.now() - at)} ms`, ledger)
    return
  }
  const { status, code } = heard.head
  if (excused && code !== undefined && CODES.has(code)) tally.excuse(code)
  else tally.report('error', `status ${status} ${code ?? 'of the app'} after ${Math.round(performance.now() - at)} ms`, ledger)
}

function tell(ledger: Ledger, of: { at: number; what: string; heard: Heard; saw: Saw | undefined; sidecar: number; begun: Begun }): void {
  const { at, what, heard, saw, sidecar, begun } = of
  const { head } = heard
  const outcome = heard.state === 'whole' ? `${heard.head.status}${heard.head.code === undefined ? '' : ` ${heard.head.code}`}` : heard.fault ?? 'hung up'
  const lists = saw === undefined ? '' : Object.entries(saw.entries).map(([entry, { list }]) => `${entry}=${list.join()}`).join(' ')
  const token = (value: string | undefined): string => (value === undefined ? '-' : nameOfToken(value).slice(0, 4))
  const given = head === undefined ? undefined : givenToken(head)
  const line = `${Math.round(at)}-${Math.round(performance.now())} s${sidecar} ${what} [${token(begun.token)}${given === undefined ? '' : `>${given === '' ? 'cleared' : token(given)}`}] ${outcome} ${saw?.owner ?? (saw === undefined ? '' : 'nobody')} ${lists}`
  ledger.story.push(line)
  if (ledger.story.length > 200) ledger.story.shift()
}
