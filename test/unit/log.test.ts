import { describe as group, expect, it } from 'vitest'
import { UnstickError } from '../../src/errors.ts'
import { createLog, describe } from '../../src/log.ts'

function kept(level: string) {
  const lines: string[] = []
  const log = createLog({ level, terminal: false, colour: false, destination: { write: (line) => { lines.push(line) } } })
  return { log, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

group('the log', () => {
  it('writes one line of JSON for each, with level and time in words, and nothing of the machine', () => {
    const { log, lines, records } = kept('info')
    log.info({ path: '/a' }, 'hello\nworld')
    log.warn('careful')
    expect(lines.map((line) => line.indexOf('\n') === line.length - 1)).toEqual([true, true])
    expect(records()[0]).toEqual({ level: 'info', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/), path: '/a', msg: 'hello\nworld' })
    expect(records()[1]).toMatchObject({ level: 'warn', msg: 'careful' })
  })

  it.each([['debug', 5], ['info', 4], ['warn', 3], ['error', 2]])('at %s says so much', (level, count) => {
    const { log, lines } = kept(level)
    for (const name of ['debug', 'info', 'warn', 'error', 'fatal'] as const) log[name]('x')
    expect(lines).toHaveLength(count)
  })

  it('describes errors by what they are, under whatever level', () => {
    const { log, records } = kept('debug')
    const cause = new Error('connect ECONNREFUSED 127.0.0.1:6379', { cause: new Error('the network is down') })
    log.debug({ err: new UnstickError('store_unavailable', 'The store is away.', { cause }) }, 'x')
    expect(records()[0]?.['err']).toEqual({ code: 'store_unavailable', message: 'The store is away.', because: ['connect ECONNREFUSED 127.0.0.1:6379', 'the network is down'] })
  })

  it('does not write what libraries hang on their errors, such as the command that failed or the request', () => {
    const { log, lines } = kept('debug')
    const error = Object.assign(new Error('READONLY You cannot write'), { command: { name: 'evalsha', args: ['TOKEN-1'] }, headers: { cookie: 'sid=SECRET-2' } })
    log.error({ err: error }, 'x')
    log.error({ err: new UnstickError('store_unavailable', 'away', { cause: error }) }, 'x')
    expect(lines.join('')).not.toMatch(/TOKEN-1|SECRET-2|evalsha/)
    expect(lines.join('')).toContain('READONLY')
  })
})

group('an error in words', () => {
  it('has no stack when it is ours, since its message says all', () => {
    expect(describe(new UnstickError('too_large', 'Too large.'))).toEqual({ code: 'too_large', message: 'Too large.' })
  })

  it('has its stack when it is not, since somebody has to mend that', () => {
    expect(describe(new TypeError('oops'))).toEqual({ name: 'TypeError', message: 'oops', stack: expect.stringContaining('log.test') })
  })

  it('has its causes, no more than five, and not round in a ring', () => {
    const ring = new Error('ring')
    ring.cause = ring
    expect(describe(ring)['because']).toEqual(['ring', 'ring', 'ring', 'ring', 'ring'])
    expect(describe(new Error('x', { cause: 'a text' }))).not.toHaveProperty('because')
  })

  it('says of a host with several addresses why each of them failed', () => {
    const refused = new AggregateError([new Error('connect ECONNREFUSED ::1:6379'), new Error('connect ECONNREFUSED 127.0.0.1:6379')])
    expect(describe(new UnstickError('store_unavailable', 'away', { cause: refused }))['because']).toEqual(['connect ECONNREFUSED ::1:6379; connect ECONNREFUSED 127.0.0.1:6379'])
    expect(describe(new UnstickError('store_unavailable', 'away', { cause: new AggregateError([]) }))['because']).toEqual(['AggregateError'])
  })

  it('may be of anything that was thrown', () => {
    expect(describe('a text')).toEqual({ message: 'a text' })
    expect(describe(undefined)).toEqual({ message: 'undefined' })
  })
})
