/** `carriers.headers`: what `unstick check` says of it, and what comes out of it. */
import { describe, expect, it } from 'vitest'
import { parseMessagePart } from '../../../src/http/message-part.ts'
import { configOf, linesOf } from './lines.ts'

const yaml = (headers: string): string => `carriers:\n  headers:\n${headers.replace(/^/gm, '    ')}\nroutes: [{ match: "/static/**", session: off }]\n`

const TRAVELS = 'is a header that says how the message travels, or that unstick sets itself, and cannot carry attributes'
const TEMPLATE = '{attribute} {attribute|encoding}'
const PARTS = 'form.NAME json./POINTER header.NAME request.json./POINTER request.header.NAME cookie.NAME query.NAME, ? behind it where it may be missing'
const STATUS = 'such as 200 200-399 2xx 200,302'

const ROWS: readonly (readonly [headers: string, ...problems: string[]])[] = [
  ['send: Cookie', `3:11 send: "Cookie" ${TRAVELS}`],
  ['send: Transfer-Encoding', `3:11 send: "Transfer-Encoding" ${TRAVELS}`],
  ['send: a b', '3:11 send: "a b" is not the name of a header (allowed letters, digits and !#$%&\'*+-.^_`|~)'],
  ['send: X-Session', '3:11 send: has nothing to send: say in receive or capture where attributes come from'],
  ['sent: X-Session', '3:5 sent: is not a key that unstick knows (allowed send format id receive inject capture, did you mean send)'],
  ['format: yaml', '3:13 format: "yaml" is not one of the known words (allowed form json base64json)'],
  ['format: json', '3:13 format: has no effect without send or receive'],
  ['id: yes', '3:9 id: "yes" is neither a boolean nor the name of a header (allowed true false X-Session-Id)'],
  ['id: Host', `3:9 id: "Host" ${TRAVELS}`],
  ['receive: Set-Cookie', `3:14 receive: "Set-Cookie" ${TRAVELS}`],
  ['receive: { replce: X-All }', '3:16 receive.replce: is not a key that unstick knows (allowed prefix set replace subject renew destroy, did you mean replace)'],
  ['receive: { replace: X-All, set: x_all }', '3:25 receive.replace: "X-All" and "x_all" may be the same header to the app'],
  ['inject: { Host: "{user}" }\nreceive: X-Session', `3:21 inject.Host: ${TRAVELS}`],
  ['inject: { Content-Length: "{user}" }\nreceive: X-Session', `3:31 inject.Content-Length: ${TRAVELS}`],
  ['inject: { Proxy-Authorization: "{user}" }\nreceive: X-Session', `3:36 inject.Proxy-Authorization: ${TRAVELS}`],
  ['inject: { x_forwarded_for: "{user}" }\nreceive: X-Session', `3:32 inject.x_forwarded_for: ${TRAVELS}`],
  ['inject: { Unstick-User: "{user}" }\nreceive: X-Session', `3:29 inject.Unstick-User: ${TRAVELS}`],
  ['inject: { "a b": "{user}" }\nreceive: X-Session', '3:22 inject["a b"]: is not the name of a header'],
  ['inject: { X-User: user }', `3:23 inject.X-User: "user" has no {attribute} in it, and would be sent for everybody alike (allowed ${TEMPLATE})`],
  ['inject: { X-User: "{user" }', `3:23 inject.X-User: "{user" has a brace without its other half (allowed ${TEMPLATE}, and {{ or }} for a brace itself)`],
  ['inject: { X-User: "{}" }', `3:23 inject.X-User: "{}" has an expression that is no attribute (allowed ${TEMPLATE})`],
  ['inject: { X-User: "\u20ac {user}" }', '3:23 inject.X-User: "\u20ac {user}" has characters that cannot stand in a header (allowed ASCII without control characters)'],
  ['inject: { X-User: "{user|utf-8}" }', '3:23 inject.X-User: "{user|utf-8}" has an encoding that unstick does not know (allowed url base64 base64url utf8 rfc8187, did you mean utf8)'],
  ['inject: { X-User: "{user}" }', '3:23 inject.X-User: has nothing to send: say in receive or capture where attributes come from'],
  ['inject: { X-User: "{usr}" }\ncapture: [{ on: POST /login, set: { user: form.user } }]', '3:23 inject.X-User: names the attribute "usr", which no capture rule sets, so it would never be sent (did you mean user)'],
  ['inject: { X-User: "{user}", x_user: "{user}" }\nreceive: X-Session', '3:41 inject.x_user: "x_user" and "X-User" may be the same header to the app'],
  ['send: X-User\ninject: { X-User: "{user}" }\nreceive: X-Session', '4:23 inject.X-User: "X-User" and "X-User" may be the same header to the app'],
  ['capture: [{ destroy: true }]', '3:15 capture[0].on: is missing'],
  ['capture: [{ on: post /x, destroy: true }]', '3:21 capture[0].on: "post /x" has a method that is not a word in upper case (allowed /path/* or METHOD /path/**, did you mean POST /x)'],
  ['capture: [{ on: GET /static/x, destroy: true }]', '3:21 capture[0].on: can never be heeded: routes[0] switches sessions off there'],
  ['capture: [{ on: /x }]', '3:15 capture[0]: does nothing: it needs set, strip or destroy'],
  ['capture: [{ on: /x, destory: true }]', '3:25 capture[0].destory: is not a key that unstick knows (allowed on status set subject strip destroy, did you mean destroy)'],
  ['capture: [{ on: /x, destroy: true, set: { a: form.a } }]', '3:45 capture[0].set: has no effect beside destroy: true'],
  ['capture: [{ on: /x, status: 2x, destroy: true }]', `3:33 capture[0].status: "2x" is not a status or a range of them (allowed ${STATUS}, from 200 to 599, or 101)`],
  ['capture: [{ on: /x, status: 100, destroy: true }]', `3:33 capture[0].status: "100" is not a status or a range of them (allowed ${STATUS}, from 200 to 599, or 101)`],
  ['capture: [{ on: /x, status: 399-200, destroy: true }]', `3:33 capture[0].status: "399-200" is not a status or a range of them (allowed ${STATUS}, from 200 to 599, or 101)`],
  ['capture: [{ on: /x, set: { a: from.b } }]', `3:35 capture[0].set.a: "from.b" is no part of a request or a response (allowed ${PARTS}, did you mean form.b)`],
  ['capture: [{ on: /x, set: { a: json.b } }]', `3:35 capture[0].set.a: "json.b" is no part of a request or a response (allowed ${PARTS}, did you mean json./b)`],
  ['capture: [{ on: /x, set: { a: json./~2 } }]', `3:35 capture[0].set.a: "json./~2" is no part of a request or a response (allowed ${PARTS})`],
  ['capture: [{ on: /x, set: { "a b": form.a } }]', '3:39 capture[0].set["a b"]: is not the name of an attribute (allowed letters, digits and _ . -)'],
  ['capture: [{ on: /x, set: { user: form.u }, subject: usr }]', '3:57 capture[0].subject: names the attribute "usr", which this rule does not set (did you mean user)'],
  ['capture: [{ on: /x, strip: [form.x] }]', '3:33 capture[0].strip[0]: "form.x" is nothing that can be taken out of a response (allowed json./POINTER header.NAME)'],
]

describe('carriers.headers with one problem', () => {
  it.each(ROWS)('%s', (headers, ...problems) => {
    expect(linesOf(yaml(headers))).toEqual(problems.map((problem) => `unstick.yaml:${problem.replace(' ', ' carriers.headers.')}`))
  })
})

describe('carriers.headers as it should be', () => {
  const EXAMPLE = `send: X-Session                         # all attributes to the app
receive: X-Session                      # what the app answers
inject:                                 # for apps that already trust such headers
  X-Forwarded-User: "{user}"
  Authorization: "Bearer {access_token}"
capture:                                # for apps that know nothing of unstick
  - { on: "POST /login", status: 200-399, set: { user: form.username, access_token: json./access_token, role: header.X-Role }, subject: user, strip: [json./access_token] }
  - { on: "POST /logout", destroy: true }`

  it('has no problems, and comes out whole', () => {
    expect(linesOf(yaml(EXAMPLE))).toEqual([])
    const { headers } = configOf(yaml(EXAMPLE)).carriers
    expect(headers).toMatchObject({
      send: 'X-Session', format: 'form', id: undefined,
      receive: { set: 'X-Session-Set', replace: 'X-Session-Replace', subject: 'X-Session-Subject', renew: 'X-Session-Renew', destroy: 'X-Session-Destroy' },
      inject: [{ name: 'X-Forwarded-User', template: { attributes: ['user'] } }, { name: 'Authorization', template: { attributes: ['access_token'] } }],
      capture: [
        {
          on: 'POST /login', subject: 'user', destroy: false, strip: [{ of: 'json', pointer: ['access_token'] }],
          set: [
            { attribute: 'user', part: { of: 'form', name: 'username' }, optional: false },
            { attribute: 'access_token', part: { of: 'json', pointer: ['access_token'] }, optional: false },
            { attribute: 'role', part: { of: 'header', name: 'X-Role' }, optional: false },
          ],
        },
        { on: 'POST /logout', destroy: true, set: [], strip: [] },
      ],
    })
    expect([199, 200, 302, 399, 400].map((status) => headers?.capture[0]?.hasStatus(status))).toEqual([false, true, true, true, false])
  })

  it('names what it receives by a prefix, one by one, or as mod_session does', () => {
    const receiveOf = (text: string): unknown => configOf(yaml(`receive: ${text}`)).carriers.headers?.receive
    expect(receiveOf('X-App')).toMatchObject({ set: 'X-App-Set', destroy: 'X-App-Destroy' })
    expect(receiveOf('X-Replace-Session')).toEqual({ replace: 'X-Replace-Session' })
    expect(receiveOf('x-replace-session')).toEqual({ replace: 'x-replace-session' })
    expect(receiveOf('{ prefix: X-Session, replace: X-Replace-Session }')).toMatchObject({ set: 'X-Session-Set', replace: 'X-Replace-Session' })
    expect(receiveOf('X-Session')).toMatchObject({ replace: 'X-Session-Replace', modSession: 'X-Replace-Session' })
    // Told what that name means, it means nothing else.
    for (const other of ['replace', 'set']) expect(receiveOf(`{ prefix: X-Session, ${other}: x-replace-session }`)).not.toHaveProperty('modSession')
    expect(receiveOf('{ prefix: X-Session, replace: X-All }')).not.toHaveProperty('modSession')
    expect(receiveOf('{ subject: X-User }')).toEqual({ subject: 'X-User' })
  })

  it('names the header of the id', () => {
    const idOf = (text: string): unknown => configOf(yaml(`id: ${text}`)).carriers.headers?.id
    expect([idOf('true'), idOf('false'), idOf('X-Visitor')]).toEqual(['X-Session-Id', undefined, 'X-Visitor'])
  })

  it.each([['2xx', [200, 299], [300]], ['200,302', [200, 302], [201]], ['200-204 401', [204, 401], [205]], ['101,2xx', [101, 200], [100, 102]]] as const)('takes the status %s', (text, yes, no) => {
    const rule = configOf(yaml(`capture: [{ on: /x, status: "${text}", destroy: true }]`)).carriers.headers?.capture[0]
    expect([yes.every((status) => rule?.hasStatus(status)), no.some((status) => rule?.hasStatus(status))]).toEqual([true, false])
  })

  it('has sources that may be missing', () => {
    const rule = configOf(yaml('capture: [{ on: /x, set: { a: "header.X-A?", b: "json./b?" } }]')).carriers.headers?.capture[0]
    expect(rule?.set).toEqual([{ attribute: 'a', part: { of: 'header', name: 'X-A' }, optional: true }, { attribute: 'b', part: { of: 'json', pointer: ['b'] }, optional: true }])
  })
})

describe('a part of a message', () => {
  it.each([
    ['form.a.b[c]', { of: 'form', name: 'a.b[c]' }], ['query.q', { of: 'query', name: 'q' }], ['cookie.a', { of: 'cookie', name: 'a' }],
    ['header.X-Role', { of: 'header', name: 'X-Role' }], ['request.header.DPoP', { of: 'request.header', name: 'DPoP' }],
    ['json./a~1b/~0/0', { of: 'json', pointer: ['a/b', '~', '0'] }], ['request.json./', { of: 'request.json', pointer: [''] }],
    ['form.', undefined], ['form', undefined], ['header.a b', undefined], ['json.a', undefined], ['json./~', undefined], ['body.x', undefined], ['', undefined],
  ])('%s', (text, part) => {
    expect(parseMessagePart(text)).toEqual(part)
  })
})
