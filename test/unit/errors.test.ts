import { describe, expect, it } from 'vitest'
import { asUnstickError, type ErrorCode, STATUS, UnstickError } from '../../src/errors.ts'

describe('an error of unstick', () => {
  it.each(Object.entries({
    bad_request: 400, too_large: 413, upstream_unreachable: 502, upstream_broke: 502, store_unavailable: 503, session_busy: 503, draining: 503, upstream_timeout: 504, internal: 500,
  }))('%s is answered with %i', (code, status) => {
    expect(new UnstickError(code as ErrorCode, '').status).toBe(status)
  })

  it('has no other answers than these', () => {
    expect(Object.keys(STATUS)).toHaveLength(9)
    for (const code of ['config_invalid', 'not_supported', 'start_failed'] as const) expect(new UnstickError(code, '').status).toBe(500)
  })

  it('tells visitors nothing of addresses, folders and secrets', () => {
    for (const code of ['store_unavailable', 'upstream_unreachable', 'upstream_broke', 'upstream_timeout', 'internal'] as const) {
      expect(new UnstickError(code, 'Redis at 10.0.0.1:6379 and /var/lib/php').publicMessage).not.toMatch(/Redis|10\.0|\/var/)
    }
    expect(new UnstickError('bad_request', 'The request has two Hosts.').publicMessage).toBe('The request has two Hosts.')
  })

  it('may say a status of its own', () => {
    expect(new UnstickError('too_large', '', { status: 431 }).status).toBe(431)
  })

  it('has a cause only when there is one', () => {
    const cause = new Error('why')
    expect(new UnstickError('too_large', '', { cause }).cause).toBe(cause)
    expect('cause' in new UnstickError('too_large', '')).toBe(false)
  })

  it('wraps what is not one yet', () => {
    const ours = new UnstickError('session_busy', 'ours')
    expect(asUnstickError(ours, 'store_unavailable', 'wrapped')).toBe(ours)
    const foreign = new TypeError('foreign')
    expect(asUnstickError(foreign, 'store_unavailable', 'wrapped')).toMatchObject({ code: 'store_unavailable', message: 'wrapped', cause: foreign })
  })
})
