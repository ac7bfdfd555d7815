/** Ports on loopback: free ones for the parts, friendly ones for the two addresses that people type. */
import { once } from 'node:events'
import type { Server } from 'node:net'
import { createServer, type AddressInfo } from 'node:net'
import { UnstickError } from '../errors.ts'

const LOOPBACK = '127.0.0.1'

/**
 * `count` different ports that nobody listens on now. They are let go again for children to take: should somebody be
 * quicker, the child says so and does not start.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) ports.push(await listen(server, 0))
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** Listens on the port and returns it; 0: any free one. Throws `start_failed` when it is taken. */
export async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, LOOPBACK)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw new UnstickError('start_failed', `Port ${port} cannot be used (${(error as Error & { code?: string }).code}). Choose another with --port, or leave --port out.`, { cause: error })
  }
  return (server.address() as AddressInfo).port
}

/** As `listen`, but takes any free port where `port` is taken. */
export async function listenNear(server: Server, port: number): Promise<number> {
  try {
    return await listen(server, port)
  } catch (error) {
    if (!(error instanceof UnstickError)) throw error
    // Somebody has the friendly port; the address is printed, so any other will do.
    return listen(server, 0)
  }
}
