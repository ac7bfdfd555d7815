/** What the shop sells. Drawings are inline SVG in the colour of the text, so that a page needs no second request. */

export interface Product {
  readonly id: string
  readonly name: string
  readonly about: string
  /** Whole euros. */
  readonly price: number
  readonly drawing: string
}

const svg = (shapes: string): string =>
  `<svg viewBox="0 0 120 72" aria-hidden="true" focusable="false" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round">${shapes}</svg>`

export const CATALOGUE: readonly Product[] = [
  {
    id: 'frying',
    name: 'Frying pan',
    about: '24 cm, cast iron',
    price: 24,
    drawing: svg(
      '<path d="M8 38h62c0 9-6 17-15 17H23C14 55 8 47 8 38Z" fill="currentColor"/><path d="M70 41h38" stroke-width="7"/>' +
        '<path d="M26 27c-4-4 4-7 0-12M40 27c-4-4 4-7 0-12M54 27c-4-4 4-7 0-12" opacity=".55"/>',
    ),
  },
  {
    id: 'wok',
    name: 'Wok',
    about: '32 cm, carbon steel',
    price: 38,
    drawing: svg(
      '<path d="M12 28h76c0 18-16 32-38 32S12 46 12 28Z" fill="currentColor"/><path d="M88 31l24-10" stroke-width="7"/>' +
        '<path d="M12 31H5" stroke-width="5"/><path d="M36 17c6-7 12 3 18-4s10 0 12 2" opacity=".55"/>',
    ),
  },
  {
    id: 'crepe',
    name: 'Crêpe pan',
    about: '28 cm, low rim',
    price: 29,
    drawing: svg(
      '<path d="M8 46h66l-4 8H12Z" fill="currentColor"/><path d="M74 48l38-9" stroke-width="7"/>' +
        '<path d="M16 33c10-9 14 3 25-3s14 5 24-2" opacity=".55"/>',
    ),
  },
  {
    id: 'saucepan',
    name: 'Saucepan',
    about: '2 litres, with lid',
    price: 31,
    drawing: svg(
      '<path d="M16 30h52v22a6 6 0 0 1-6 6H22a6 6 0 0 1-6-6Z" fill="currentColor"/><path d="M68 37h42" stroke-width="7"/>' +
        '<path d="M12 24h60M42 24v-6" /><circle cx="42" cy="14" r="3"/>',
    ),
  },
]

export const productOf = (id: unknown): Product | undefined => CATALOGUE.find((product) => product.id === id)
