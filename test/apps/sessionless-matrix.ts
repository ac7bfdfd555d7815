/** For apps that keep no session at all: it is unstick that makes them apps that one can log in to. */
import { expect, test } from 'vitest'
import { Browser } from '../support/browser.ts'
import { describeWith } from '../support/servers.ts'
import { type App, type State, USER } from './app.ts'
import { losesNothing, NOBODY, serversOf } from './matrix.ts'
import { Site } from './site.ts'

export interface SessionlessApp extends App {
  /** Headers that the app takes for a login. `secret`: one that it gave out, where it gives out any. */
  spoofs(secret: string): readonly Readonly<Record<string, string>>[]
}

/** Plays the story over `app`, behind HAProxy: with sidecars nothing may be lost, nothing leak and nobody pose as another. */
export function sessionlessMatrix(app: SessionlessApp): void {
  describeWith(serversOf(app), `${app.name} on two replicas`, () => {
    test(`keeps everybody logged in with a sidecar beside each replica, sharing ${app.store}`, async () => {
      await using site = await Site.start(app, 'sidecars')
      const story = await losesNothing(app, site)
      const { asked, answered } = site.heard()
      const secrets = secretsIn(answered, app)
      if (app.secrets !== undefined) expect(secrets, 'secrets that the app gave out').not.toEqual([])
      if (app.secrets !== undefined) expect(secrets.some((secret) => asked.includes(secret)), 'a secret in what the app was asked').toBe(true)
      for (const secret of secrets) {
        for (const piece of piecesOf(secret)) expect(story.heard().includes(piece), 'a secret in what the client got').toBe(false)
      }
      // Each with the session gone, which the secret outlives, and on both replicas.
      for (const state of await spoofed(app, site, secrets[0])) expect(state, 'seen with forged headers').toEqual(NOBODY)
    })

    test('knows nobody without the sidecars but who sends the headers, so that the above says something', async () => {
      await using site = await Site.start(app, 'bare')
      const heard: string[] = []
      const browser = new Browser(site.balancer.origin, ({ body }) => { heard.push(body) })
      // The first step gives out a secret, where there is one; what comes after it needs a login, and fails.
      await expect(app.login(browser)).rejects.toThrow()
      expect((await app.read(browser)).user).toBeUndefined()
      expect(browser.cookies()).toEqual([])
      const [secret] = secretsIn(heard.join('\n'), app)
      if (app.secrets !== undefined) expect(secret, 'a secret in what the client got').toBeDefined()
      expect((await spoofed(app, site, secret)).map(({ user }) => user)).toContain(USER)
    })
  })
}

async function spoofed(app: SessionlessApp, site: Site, secret = ''): Promise<State[]> {
  const seen: State[] = []
  for (const headers of app.spoofs(secret)) {
    for (let replica = 0; replica < 2; replica += 1) seen.push(await app.read(new Browser(site.balancer.origin, () => {}, headers)))
  }
  return seen
}

function secretsIn(text: string, { secrets }: App): string[] {
  return secrets === undefined ? [] : [...new Set([...text.matchAll(secrets)].map(([, secret = '']) => secret))]
}

/** What would give a secret away: itself, the parts of a signed token that are its own, and either in the usual disguises. */
function piecesOf(secret: string): string[] {
  const parts = [secret, ...secret.split('.').slice(1)]
  return parts.flatMap((part) => [part, Buffer.from(part).toString('base64').replace(/=+$/, ''), Buffer.from(part).toString('hex')])
}
