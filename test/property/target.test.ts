import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { UnstickError } from '../../src/errors.ts'
import { CookieNames, cookieSorter } from '../../src/http/cookie-names.ts'
import { defaultPath, pathMatches } from '../../src/http/cookies.ts'
import { headerKind } from '../../src/http/header-names.ts'
import { sortRequest } from '../../src/http/request-head.ts'
import type { RequestHead } from '../../src/http/message.ts'
import { incomingRequest } from '../support/incoming-request.ts'
import { parserCases } from '../support/cases.ts'

const sorter = cookieSorter({ https: '__Host-unstick', http: 'unstick' }, new CookieNames([]))
const headOf = (url: string): RequestHead => sortRequest(incomingRequest(['Host', 'app.example'], { url }), { address: '::1', trusted: false, encrypted: false }, sorter, headerKind).head

const visible = fc.string({ unit: fc.integer({ min: 33, max: 255 }).filter((code) => code !== 127 && code !== 35).map((code) => String.fromCharCode(code)), maxLength: 30 })
const label = fc.stringMatching(/^[a-zA-Z0-9][a-zA-Z0-9-]{0,8}$/)
const path = fc.array(fc.constantFrom('', 'a', 'b', '..', '%2f', 'c;d'), { maxLength: 5 }).map((segments) => `/${segments.join('/')}`)

describe('any request target', () => {
  it('passes untouched when it is a path, with the path before its first question mark', () => {
    fc.assert(fc.property(visible, (rest) => {
      const { target, path: before } = headOf(`/${rest}`)
      expect(target).toBe(`/${rest}`)
      expect(before).toBe(`/${rest}`.split('?')[0])
    }), parserCases())
  })

  it('otherwise names a host by an http URL, or is refused', () => {
    fc.assert(fc.property(fc.oneof(visible, visible.map((rest) => `http://${rest}`)), (url) => {
      if (url.startsWith('/')) return
      try {
        const head = headOf(url)
        expect(url.toLowerCase()).toMatch(/^https?:\/\/[^/?#@]/)
        expect(head.target.startsWith('/')).toBe(true)
        expect(head.headers[head.headers.indexOf('Host') + 1]).not.toMatch(/[/?#@]/)
      } catch (error) {
        if (!(error instanceof UnstickError)) throw error
        expect(error.code).toBe('bad_request')
      }
    }), parserCases(1_000))
  })

  it('means what the URL standard takes it to mean, when it is an http URL', () => {
    fc.assert(fc.property(label, fc.option(fc.integer({ min: 1, max: 65_535 })), path, fc.option(fc.stringMatching(/^[a-z=&?]{0,9}$/)), (host, port, at, query) => {
      const url = `http://${host}${port === null ? '' : `:${port}`}${at}${query === null ? '' : `?${query}`}`
      const head = headOf(url)
      expect(head.host).toBe(host.toLowerCase())
      expect(head.path).toBe(at)
      expect(head.target).toBe(`${at}${query === null ? '' : `?${query}`}`)
    }), parserCases())
  })
})

describe('any path', () => {
  it('gets the cookies of its own default path, and of every parent', () => {
    fc.assert(fc.property(path, (at) => {
      const own = defaultPath(at)
      expect(pathMatches(at, own)).toBe(true)
      for (let parent = own; parent !== '/'; parent = defaultPath(parent)) expect(pathMatches(at, parent)).toBe(true)
      expect(pathMatches(at, '/')).toBe(true)
    }), parserCases())
  })

  it('gets no cookie of a path that is not a whole number of its segments', () => {
    fc.assert(fc.property(path, fc.stringMatching(/^[a-z]{1,3}$/), (at, more) => {
      expect(pathMatches(`${at}${more}`, at)).toBe(at.endsWith('/'))
      expect(pathMatches(at, `${at}${more}`)).toBe(false)
    }), parserCases())
  })
})
