/** The one page of the shop. Everything is in it, styles and script too: a page is one request, which one replica answers. */
import { createHash } from 'node:crypto'
import type { Answer } from './app.ts'
import { CATALOGUE, type Product } from './catalogue.ts'
import { html, raw, type Html } from './html.ts'
import { renderSchematic } from './schematic.ts'
import { SCRIPT } from './script.ts'
import { STYLE } from './style.ts'
import type { Stage } from './stage.ts'

const digest = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

export const CONTENT_SECURITY_POLICY = [
  `default-src 'none'`,
  `style-src ${digest(STYLE)}`,
  `script-src ${digest(SCRIPT)}`,
  `connect-src 'self'`,
  `img-src data:`,
  `form-action 'self'`,
  `base-uri 'none'`,
  `frame-ancestors 'none'`,
].join('; ')

const ICON =
  "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' rx='7' fill='%230b4f4a'/%3E%3Cpath d='M5 15h16c0 6-3 8-8 8s-8-2-8-8Z' fill='%23fff'/%3E%3Cpath d='M21 16h7' stroke='%23fff' stroke-width='3'/%3E%3C/svg%3E"

/** A whole page that tells `answer`. Without a stage it is a shop and nothing more. */
export function renderPage(answer: Answer, stage: Stage | undefined): string {
  const { panel, ...told } = answer
  const state = JSON.stringify({ answer: told, stage: stage && { run: stage.run, replicas: stage.replicas, control: stage.control } })
  return html`<!doctype html>
<html lang="en" data-tone="${stage?.tone ?? 'plain'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${stage ? `${stage.title}: ` : ''}Pan &amp; Lid</title>
<link rel="icon" href="${raw(ICON)}">
<style>${raw(STYLE)}</style>
</head>
<body>
<a class="skip" href="#shop">Skip to the shop</a>
${stage && header(stage, answer)}
<main${stage ? '' : raw(' class="alone"')}>
${stage && answerCard(stage, answer)}
<section class="card shop" id="shop" aria-labelledby="shop-title" tabindex="-1">
  <header><h2 id="shop-title">Pan &amp; Lid</h2><p class="hint">Nothing sticks here.</p></header>
  <div class="floor">
    <ul class="products">${CATALOGUE.map(productCard)}</ul>
    <div class="aside">
      <section class="visitor" id="visitor" aria-label="You">${raw(panel)}</section>
      ${stage && tries(stage)}
    </div>
  </div>
</section>
${stage && replicasCard(stage)}
</main>
<script type="application/json" id="state">${raw(state.replaceAll('<', '\\u003c'))}</script>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`.text
}

const header = (stage: Stage, answer: Answer): Html => html`<header class="stage">
  <div class="inner">
    <div class="telling">
      <p class="kicker">${stage.kicker}</p>
      <h1>${stage.title}</h1>
      <p class="says">${stage.says}</p>
      <nav aria-label="The same shop">${stage.addresses.map(
        ({ label, href, here }) => html`<a href="${href}"${here && raw(' aria-current="page"')}>${label}</a>`,
      )}</nav>
    </div>
    ${renderSchematic(stage, answer.replica)}
  </div>
</header>`

const tries = (stage: Stage): Html => html`<section class="tries" aria-labelledby="tries-title">
  <h3 class="label" id="tries-title">What to try</h3>
  <ol>${stage.tries.map((step) => html`<li>${step}</li>`)}</ol>
</section>`

const answerCard = (stage: Stage, answer: Answer): Html => html`<section class="card answer" aria-labelledby="answer-title">
  <h2 id="answer-title" class="label">This answer</h2>
  <div class="told" role="status">
    <span class="letter tint-${stage.replicas.indexOf(answer.replica)}" id="letter" aria-hidden="true">${answer.replica}</span>
    <p><span class="by" id="by">Replica ${answer.replica} answered</span> <span class="verdict" id="verdict"></span></p>
  </div>
  <div class="strip-head"><h2 class="label" id="strip-title">The last 40 answers</h2><button class="quiet" id="clear" hidden>Clear</button></div>
  <ol class="strip" id="strip" aria-labelledby="strip-title"></ol>
  <p class="sum" id="sum">Each request adds a tile here: who answered, and whether the session was kept.</p>
  <p class="row actions" id="actions" hidden>
    <button class="main" data-ask="20">Send 20 requests</button>
    <button data-ask="1">Send one</button>
  </p>
  <noscript><p class="hint">The tiles need JavaScript; the shop does not. Reload to send another request.</p></noscript>
</section>`

const replicasCard = (stage: Stage): Html | false =>
  stage.control !== undefined &&
  html`<section class="card running" aria-labelledby="replicas-title">
  <h2 id="replicas-title" class="label">The replicas</h2>
  <ul class="replicas" id="replicas">${stage.replicas.map(
    (name, index) => html`<li data-replica="${name}">
      <span class="letter tint-${index}" aria-hidden="true">${name}</span>
      <p><span data-state>Replica ${name}</span><span class="hint" data-detail></span></p>
      <form method="post" action="${stage.control}/kill/${name}" data-kill="${name}"><button class="danger">Kill ${name}</button></form>
    </li>`,
  )}</ul>
  <p class="hint">Kill sends <code>kill -9</code>. The replica returns within seconds, with no session files.</p>
</section>`

const productCard = ({ id, name, about, price, drawing }: Product): Html => html`<li>
  <div class="drawing">${raw(drawing)}</div>
  <h3>${name}</h3>
  <p class="hint">${about}</p>
  <form method="post" action="/cart" data-act="cart">
    <input type="hidden" name="product" value="${id}">
    <span class="price">€ ${price}</span>
    <button aria-label="Add ${name} to the cart">Add</button>
  </form>
</li>`
