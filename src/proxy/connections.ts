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
  /** More than one where a client sends requests ahead. They may outlive the connection: what they have promised is still to be committed. */
  readonly exchanges: Exchange[]
  /** Something on it could not be read as a request; nothing behind that may be taken for one. */
  refused: boolean
}

export class Connections {
  readonly #trusted: TrustedProxies
  readonly #open = new Map<Duplex, Connection>()
  /** Who waits for the last exchange to end. */
  readonly #waiting: (() => void)[] = []

  constructor(trusted: TrustedProxies) {
    this.#trusted = trusted
  }

  /**
   * A connection that was just accepted. `unix`: over a unix socket, whose file permissions say who may; whoever comes that way is trusted.
   * Only the listening address tells that: a peer that resets at once has no address either, and must not pass for one.
   */
  add(socket: Socket, unix: boolean): void {
    const address = unix ? undefined : socket.remoteAddress
    if (address === undefined && !unix) {
      socket.destroy()
      return
    }
    // Node flushes a head that no body follows yet in the socket's default, which would make two bytes of each beyond ASCII.
    socket.setDefaultEncoding('latin1')
    const trusted = address === undefined || this.#trusted.trusts(address)
    // Who is at the other end does not change while a connection lasts.
    this.#open.set(socket, { peer: { address, trusted, encrypted: false }, exchanges: [], refused: false })
    socket.once('close', () => this.#forget(socket))
  }

  /** undefined: it is gone. */
  of(socket: Duplex): Connection | undefined {
    return this.#open.get(socket)
  }

  /** Takes an exchange off its connection. */
  ended(exchange: Exchange, connection: Connection, socket: Duplex): void {
    connection.exchanges.splice(connection.exchanges.indexOf(exchange), 1)
    this.#forget(socket)
  }

  #forget(socket: Duplex): void {
    if (socket.destroyed && this.#open.get(socket)?.exchanges.length === 0) this.#open.delete(socket)
    if (this.#waiting.length > 0 && this.exchanges().length === 0) for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Resolves when no exchange is left. */
  async idle(): Promise<void> {
    if (this.exchanges().length > 0) await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
  }

  exchanges(): Exchange[] {
    return [...this.#open.values()].flatMap(({ exchanges }) => exchanges)
  }
}
