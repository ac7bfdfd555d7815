import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { sendInterim } from '../../../src/proxy/interim.ts'
import { httpApp } from '../../support/origin-app.ts'

/** What the client reads of two pipelined requests whose interim answers `send` sends, the second before the first is answered. */
async function received(send: (response: ServerResponse) => void): Promise<string> {
  let first: ServerResponse | undefined
  await using app = await httpApp((request, response) => {
    response.sendDate = false
    send(response)
    if (request.url === '/1') first = response
    else {
      response.end('two')
      first?.end('one')
    }
  })
  const { port } = app.address as { port: number }
  const socket = connect(port, '127.0.0.1')
  let text = ''
  socket.setEncoding('latin1').on('data', (data: string) => { text += data })
  socket.write('GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await once(socket, 'close')
  return text
}

/** As on a Node that has no writeInformation. */
const older = (response: ServerResponse): ServerResponse => Object.defineProperty(response, 'writeInformation', { value: undefined })

describe('an interim answer', () => {
  it.each([[103, [['Link', '</a.css>; rel=preload'], ['link', '</b>'], ['X-Latin', 'caf\u00e9']]], [102, []], [199, [['X-A', '1']]]] as [number, [string, string][]][])(
    '%i is sent the same by a Node that has a way to and by one that has none, each before its own answer', async (status, headers) => {
      const own = await received((response) => { sendInterim(older(response), status, headers) })
      expect(own.match(new RegExp(`HTTP/1.1 ${status} `, 'g'))).toHaveLength(2)
      expect(own.indexOf('one')).toBeLessThan(own.lastIndexOf(`HTTP/1.1 ${status}`))
      // On an older Node there is nothing to compare with.
      await received((response) => {
        if (typeof response.writeInformation === 'function') sendInterim(response, status, headers)
        else sendInterim(older(response), status, headers)
      }).then((text) => { expect(own).toBe(text) })
    })

  it('throws for what would be another line', async () => {
    const thrown: unknown[] = []
    await received((response) => {
      try {
        sendInterim(older(response), 103, [['X-A', 'b\r\nSet-Cookie: c=d']])
      } catch (error) {
        thrown.push(error)
      }
    })
    expect(thrown).toHaveLength(2)
  })
})
