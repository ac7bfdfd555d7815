import { fileURLToPath } from 'node:url'
import type { Page } from '../support/browser.ts'

/** The path of a file in `examples/`. */
export function example(path: string): string {
  return fileURLToPath(new URL(`../../examples/${path}`, import.meta.url))
}

/** Whether `path` of the app on `port` answers well. */
export async function answers(port: number, path: string): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`)
  await response.arrayBuffer()
  return response.ok
}

/** The text of a page that the app answered well; anything else is a failure of the request. */
export function whole(page: Page): string {
  if (page.status !== 200) throw new Error(`${page.url.pathname} answered ${page.status} (${page.headers.get('unstick-error') ?? 'by the app'})`)
  return page.text
}
