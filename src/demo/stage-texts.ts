/** What the shop's page says at each of the two addresses. */
import type { Stages } from './shop/stage.ts'
import { CONTROL_PATH } from './controls.ts'

export const REPLICAS = ['A', 'B'] as const

export interface Addresses {
  readonly withUnstick: number
  readonly without: number
}

const TRIES = [
  'Log in, then reload the page a few times.',
  'Put pans into the cart.',
  'Send 20 requests and watch the tiles.',
  'Kill the replica that answered, and carry on.',
  'Do the same at the other address.',
]

export const urlOf = (port: number): string => `http://127.0.0.1:${port}`

/** `run`: differs from one demo to the next. */
export function stagesFor(run: string, ports: Addresses): Stages {
  const addresses = (here: number) => [
    { label: 'Without', href: urlOf(ports.without), here: here === ports.without },
    { label: 'With unstick', href: urlOf(ports.withUnstick), here: here === ports.withUnstick },
  ]
  const common = { run, kicker: 'unstick demo: one shop, two replicas', replicas: REPLICAS, control: CONTROL_PATH, tries: TRIES }
  return {
    [ports.withUnstick]: {
      ...common,
      title: 'With unstick',
      says: 'Every request goes to the next replica, and each replica keeps its own session files. A sidecar beside each one brings the session along, so any replica knows you.',
      tone: 'joined',
      between: { each: 'sidecar', shared: 'one store' },
      addresses: addresses(ports.withUnstick),
    },
    [ports.without]: {
      ...common,
      title: 'Without unstick',
      says: 'Every request goes to the next replica, and each replica keeps its own session files. The replica that logged you in knows you. The other one has never heard of you.',
      tone: 'plain',
      between: undefined,
      addresses: addresses(ports.without),
    },
  }
}
