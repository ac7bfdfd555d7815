/** The visitor's part of the page: who is logged in, and the cart. */
import { CATALOGUE } from './catalogue.ts'
import { html, type Html } from './html.ts'

export interface Visitor {
  readonly user: string | undefined
  readonly cart: Readonly<Record<string, number>>
  readonly refused: string | undefined
}

/** HTML for the inside of `#visitor`. */
export function renderPanel(visitor: Visitor): string {
  const refused = visitor.refused !== undefined && html`<p class="refused" role="alert">${visitor.refused}</p>`
  return html`${refused}${visitor.user === undefined ? loginForm() : account(visitor.user, visitor.cart)}`.text
}

const loginForm = (): Html => html`
  <h3>Nobody is logged in</h3>
  <form class="login" method="post" action="/login" data-act="login">
    <label for="name">Your name</label>
    <div class="row">
      <input id="name" name="name" value="Ada" maxlength="40" autocomplete="off" required>
      <button class="main">Log in</button>
    </div>
    <p class="hint">Any name will do. The cart opens once you are in.</p>
  </form>`

function account(user: string, cart: Visitor['cart']): Html {
  const lines = CATALOGUE.flatMap((product) => {
    const pieces = cart[product.id] ?? 0
    return pieces > 0 ? [{ product, pieces }] : []
  })
  const total = lines.reduce((sum, { product, pieces }) => sum + product.price * pieces, 0)
  return html`
  <div class="who">
    <span class="face" aria-hidden="true">${String.fromCodePoint(user.codePointAt(0) ?? 63).toUpperCase()}</span>
    <h3><span class="hint">Logged in as</span> <span data-user>${user}</span></h3>
    <form method="post" action="/logout" data-act="logout"><button class="quiet">Log out</button></form>
  </div>
  ${
    lines.length === 0
      ? html`<p class="hint empty">The cart is empty. Add a pan.</p>`
      : html`<ul class="cart" aria-label="Cart">${lines.map(
          ({ product, pieces }) =>
            html`<li><span>${product.name}</span><span class="times">× ${pieces}</span><span>€ ${product.price * pieces}</span></li>`,
        )}</ul><p class="total"><span>Total</span><span>€ ${total}</span></p>`
  }`
}
