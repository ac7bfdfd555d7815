import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { freePorts, listen, listenNear } from '../../../src/demo/ports.ts'

test('free ports are different and can be listened on', async () => {
  const ports = await freePorts(6)
  expect(new Set(ports).size).toBe(6)
  const server = createServer()
  expect(await listen(server, ports[0] ?? 0)).toBe(ports[0])
  server.close()
})

test('a port that is taken is named in the error, or another is found', async () => {
  const [first, second] = [createServer(), createServer()]
  const taken = await listen(first, 0)
  await expect(listen(createServer(), taken)).rejects.toMatchObject({ code: 'start_failed', message: expect.stringContaining(`Port ${taken} cannot be used (EADDRINUSE)`) })
  expect(await listenNear(second, taken)).not.toBe(taken)
  first.close()
  second.close()
})
