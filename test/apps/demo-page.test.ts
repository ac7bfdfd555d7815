import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { commandPath } from '../../scripts/servers.ts'
import { describeWith } from '../support/servers.ts'
import { DemoRun } from './demo-run.ts'

/** Resolves when the strip has `count` answers. */
const answers = (page: Page, count: number) => page.locator('#strip li:not(.slot)').nth(count - 1).waitFor()

const click = (page: Page, button: string) => page.getByRole('button', { name: button, exact: true }).click()

describeWith(['chromium'], 'the page of the demo, in Chromium', () => {
  let demo: DemoRun
  let browser: Browser
  let addresses: { withUnstick: string; without: string }

  beforeAll(async () => {
    demo = await DemoRun.start('--port', '0')
    addresses = await demo.addresses()
    browser = await chromium.launch({ executablePath: commandPath('chromium') ?? '', args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'] })
  })
  afterAll(async () => {
    await browser?.close()
    await demo?.[Symbol.asyncDispose]()
  })

  async function visit(address: string, options: { javaScriptEnabled?: boolean; width?: number } = {}): Promise<{ page: Page; faults: string[] }> {
    const { width = 1280, ...rest } = options
    const context = await browser.newContext({ viewport: { width, height: 900 }, ...rest })
    const page = await context.newPage()
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('request', (request) => {
      if (!request.url().startsWith(address) && !request.url().startsWith('data:')) faults.push(`asks for ${request.url()}`)
    })
    await page.goto(address)
    return { page, faults }
  }

  test('with unstick, the login and the cart are there in every answer, also after a kill', async () => {
    const { page, faults } = await visit(addresses.withUnstick)
    await click(page, 'Log in')
    await answers(page, 2)
    await click(page, 'Add Wok to the cart')
    await answers(page, 3)
    await click(page, 'Send 20 requests')
    await answers(page, 23)
    const who = (await page.locator('#letter').textContent()) ?? ''
    await click(page, `Kill ${who}`)
    await page.getByText(`Replica ${who} is down`).waitFor()
    await click(page, 'Send one')
    await answers(page, 24)
    await page.reload()
    await answers(page, 25)
    expect(await page.locator('#verdict').textContent()).toBe('Session kept: it knows Ada and the cart.')
    expect(await page.locator('#sum').textContent()).toContain('session kept in 23 of 23')
    expect(await page.locator('.cart').innerText()).toContain('Wok')
    await page.getByText(`Replica ${who} is up`).waitFor({ timeout: 30_000 })
    expect(faults).toEqual([])
  })

  test('without unstick, every other answer has lost the session', async () => {
    const { page, faults } = await visit(addresses.without)
    await click(page, 'Log in')
    await answers(page, 2)
    await click(page, 'Send 20 requests')
    await answers(page, 22)
    expect(await page.locator('#sum').textContent()).toContain('session kept in 10 of 20')
    expect(await page.locator('#strip li.lost').count()).toBe(10)
    expect(await page.locator('#strip li.lost').first().textContent()).toContain('session lost')
    expect(faults).toEqual([])
  })

  test('without scripts the shop works too, and a redirect finds the session', async () => {
    const { page } = await visit(addresses.withUnstick, { javaScriptEnabled: false })
    for (let round = 0; round < 5; round++) {
      await page.getByRole('button', { name: 'Log in', exact: true }).click()
      expect(await page.locator('[data-user]').textContent()).toBe('Ada')
      await click(page, 'Add Saucepan to the cart')
      expect(await page.locator('.cart').innerText()).toContain('Saucepan')
      await click(page, 'Log out')
      await page.getByText('Nobody is logged in').waitFor()
    }
  })

  test.each([320, 375, 768])('nothing sticks out at a width of %i', async (width) => {
    const { page } = await visit(addresses.withUnstick, { width })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
  })

  test('every control has a name and can be reached with the keyboard', async () => {
    const { page } = await visit(addresses.withUnstick)
    const nameless = await page.evaluate(`[...document.querySelectorAll('button, a, input:not([type=hidden])')]
      .filter((control) => !(control.getAttribute('aria-label') || control.textContent.trim() || control.labels?.length)).map((control) => control.outerHTML)`)
    expect(nameless).toEqual([])
    await page.getByLabel('Your name').focus()
    await page.keyboard.press('Enter')
    await answers(page, 2)
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Log out')
  })
})
