/** How a client uses the small basket apps of `examples/`, which all have the same three pages. */
import type { Page } from '../support/browser.ts'
import { USER, type App, type State } from './app.ts'
import { whole } from './examples.ts'

export const basket: Pick<App, 'login' | 'write' | 'read'> & Required<Pick<App, 'logout'>> = {
  login: async (browser) => {
    shown(await browser.post('/login', { user: USER }))
  },
  write: async (browser, item) => {
    shown(await browser.post('/basket', { item }))
  },
  logout: async (browser) => {
    shown(await browser.post('/logout', {}))
  },
  read: async (browser) => shown(await browser.get('/basket')),
}

function shown(page: Page): State {
  const { user, items } = JSON.parse(whole(page)) as { user?: string | null; items: string[] }
  return { user: user ?? undefined, items }
}
