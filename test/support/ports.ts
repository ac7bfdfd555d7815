import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'

/**
 * `count` different free ports on loopback, for programs that cannot listen on port 0 and say which they got. Another
 * process may take one before its user does; the range is large enough for that not to happen in practice.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    ports.push((server.address() as AddressInfo).port)
  }
  for (const server of servers) {
    server.close()
    await once(server, 'close')
  }
  return ports
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  if (port === undefined) throw new Error('the system gave no port')
  return port
}
