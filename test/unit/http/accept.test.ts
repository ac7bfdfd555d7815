import { describe, expect, it } from 'vitest'
import { jsonAccepted } from '../../../src/http/accept.ts'

describe('of what a client accepts', () => {
  it.each([
    ['application/json', 'application/json'], ['text/html,Application/JSON ;q=0.5 , application/problem+json', 'Application/JSON ;q=0.5, application/problem+json'],
    ['application/json;version=2', 'application/json;version=2'], ['application/json;q=0.01', 'application/json;q=0.01'],
  ])('what is JSON is kept: %j', (accept, kept) => {
    expect(jsonAccepted(accept)).toBe(kept)
  })

  it.each(['', ',', '*/*', 'application/*', 'text/html', 'application/json;q=0', 'application/json; q=0.0 ; v=1', 'application/json;v="a', 'application/jsonp', 'json'])('nothing is, of %j, so JSON is wanted first', (accept) => {
    expect(jsonAccepted(accept)).toBe('application/json, */*;q=0.1')
  })
})
