/**
 * The clients' connections, and the exchanges on each. Exchanges come and go with every request, so they are kept in plain arrays of
 * a connection: a Set with such traffic leaves a chain of outgrown tables behind, through which the garbage collector keeps
 * requests of the last seconds (measured: a fifth of all processor time).
 */
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Peer, TrustedProxies } from '../http/forwarded.ts'
import type { Exchange } from './exchange.ts'

export interface Connection {
  readonly peer: Peer
  /** More than one where a client sends requests ahead. */
  readonly exchanges: Exchange[]
  /** Something on it could not be read as a request; nothing behind that may be taken for one. */
  refused: boolean
}

export class Connections {
  readonly #trusted: TrustedProxies
  readonly #open = new Map<Duplex, Connection>()

  constructor(trusted: TrustedProxies) {
    this.#trusted = trusted
  }

  /** Who is at the other end does not change while a connection lasts. */
  of(socket: Socket): Connection {
    let connection = this.#open.get(socket)
    if (connection === undefined) {
      const { remoteAddress } = socket
      connection = { peer: { address: remoteAddress, trusted: this.#trusted.trusts(remoteAddress), encrypted: false }, exchanges: [], refused: false }
      this.#open.set(socket, connection)
      socket.once('close', () => this.#open.delete(socket))
    }
    return connection
  }

  /** undefined: nothing was ever asked on it. */
  known(socket: Duplex): Connection | undefined {
    return this.#open.get(socket)
  }

  exchanges(): Exchange[] {
    return [...this.#open.values()].flatMap(({ exchanges }) => exchanges)
  }
}
