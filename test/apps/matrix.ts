import { expect, test } from 'vitest'
import type { ServerName } from '../../scripts/servers.ts'
import { REPLICAS } from '../support/haproxy.ts'
import { describeWith } from '../support/servers.ts'
import type { App, State } from './app.ts'
import { Site } from './site.ts'
import { Story } from './story.ts'

/** Characters of an item. */
const SHORT = 8

export const NOBODY: State = { user: undefined, items: [] }

/** As many losses are shown when a test fails; the first ones tell. */
const SHOWN = 12

/** Plays the story over `app`, behind HAProxy: with sidecars nothing may be lost, without them something must be. */
export function matrix(app: App): void {
  describeWith(serversOf(app), `${app.name} on two replicas`, () => {
    test(`keeps every session with a sidecar beside each replica, sharing ${app.store}`, async () => {
      await using site = await Site.start(app, 'sidecars')
      await losesNothing(app, site)
    })

    test('works on one replica, so that what is lost on two is not the test\'s own doing', async () => {
      await using site = await Site.start(app, 'alone')
      const story = new Story(app, site, SHORT)
      await story.login()
      await story.useOneByOne()
      const { lost, cookies } = story.report()
      expect(lost.slice(0, SHOWN), site.outputs()).toEqual([])
      expect(cookies.filter((name) => app.vaulted.test(name)), 'cookies that the app means the client to keep').not.toEqual([])
      expect(await story.strangerLooks()).toEqual(NOBODY)
    })

    test('loses state without the sidecars', async () => {
      await using site = await Site.start(app, 'bare')
      const story = new Story(app, site, app.itemLength ?? SHORT)
      await story.login()
      await story.useOneByOne()
      await story.useAtOnce()
      expect(story.report().lost).not.toEqual([])
    })
  })
}

export function serversOf(app: App): readonly ServerName[] {
  return ['haproxy', ...app.servers, ...(app.store === 'redis' ? ['redis' as const] : [])]
}

/** The whole story with sidecars. Gives it back, for what a test wants to know besides. */
export async function losesNothing(app: App, site: Site): Promise<Story> {
  const story = new Story(app, site, app.itemLength ?? SHORT)
  await story.login()
  await story.useOneByOne()
  await story.useAtOnce()
  await story.lose('app', 'replica-1')
  await story.lose('sidecar', 'replica-2')
  await story.oldTokenEnds()
  const { lost, cookies, served } = story.report()
  expect(lost.slice(0, SHOWN), site.outputs()).toEqual([])
  for (const replica of REPLICAS) expect(served.get(replica), `answers of ${replica}`).toBeGreaterThan(25)
  expect(await story.strangerLooks()).toEqual(NOBODY)
  expect(cookies.filter((name) => app.vaulted.test(name)), 'cookies of the app that reached the client').toEqual([])
  for (const state of await story.logout()) expect(state, 'after the log-out').toEqual(NOBODY)
  return story
}
