/** HTML that is safe to put text into: `html` escapes every value but those that are HTML already. */

const ESCAPES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}
export type { Html }

type Value = Html | string | number | false | undefined | readonly Value[]

/** `text` is HTML that the caller vouches for: constants of ours, never anything from a client. */
export const raw = (text: string): Html => new Html(text)

export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  return new Html(parts.reduce((text, part, index) => text + render(values[index - 1]) + part))
}

function render(value: Value): string {
  if (value instanceof Html) return value.text
  if (value === undefined || value === false) return ''
  if (typeof value === 'object') return value.map(render).join('')
  return String(value).replace(/[&<>"']/g, (sign) => ESCAPES[sign] ?? sign)
}
