/** Listens to what passes between a sidecar and its app, without changing it. */
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface Wiretap {
  readonly port: number
  /** Every byte that was sent to the app so far, over all connections, as Latin-1. */
  asked(): string
  /** Every byte that the app answered so far. */
  answered(): string
  stop(): Promise<void>
}

/** A relay on loopback in front of `target`, also on loopback. Where nobody listens there, its connections break off. */
export async function startWiretap(target: number): Promise<Wiretap> {
  const asked: Buffer[] = []
  const answered: Buffer[] = []
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const app = connect(target, '127.0.0.1')
    for (const [from, to, heard] of [[client, app, asked], [app, client, answered]] as const) {
      open.add(from)
      from.on('data', (bytes) => heard.push(bytes)).pipe(to)
      // One side that breaks takes the other with it, as without us.
      from.on('error', () => to.destroy())
      from.on('close', () => {
        open.delete(from)
        to.destroySoon()
      })
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    asked: () => Buffer.concat(asked).toString('latin1'),
    answered: () => Buffer.concat(answered).toString('latin1'),
    stop: async () => {
      for (const socket of open) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
