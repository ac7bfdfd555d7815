/** A drawing of the way a request takes, with the replica that answered lit. */
import { html, raw, type Html } from './html.ts'
import type { Stage } from './stage.ts'

const HEIGHT = 236
const LANES = [58, 178] as const
const MIDDLE = 118

/** `lit`: the replica that made this answer; the page's script moves the light by changing `data-lit`. */
export function renderSchematic(stage: Stage, lit: string): Html {
  const lanes = stage.replicas.slice(0, LANES.length).map((name, index) => lane(stage, name, LANES[index] ?? MIDDLE, index))
  return html`<svg class="schematic" id="schematic" data-lit="${stage.replicas.indexOf(lit)}" viewBox="0 0 500 ${HEIGHT}" role="img" aria-label="${spoken(stage)}">
    ${lanes.map(({ wires }) => wires)}
    ${stage.between && store(stage.between.shared)}
    ${node(44, MIDDLE, 74, 'you')}
    ${node(156, MIDDLE, 96, 'balancer')}
    ${lanes.map(({ nodes }) => nodes)}
  </svg>`
}

function lane(stage: Stage, name: string, y: number, index: number): { wires: Html; nodes: Html } {
  const start = stage.between ? 300 : 424
  const wires = html`<g class="wire lane-${index}">
    <path d="M81 ${MIDDLE}H108"/><path d="M204 ${MIDDLE}C${start - 66} ${MIDDLE} ${start - 96} ${y} ${start - 46} ${y}"/>
    ${stage.between && html`<path d="M342 ${y}H378"/>`}
  </g>`
  const nodes = html`<g class="lane-${index}">
    ${stage.between && node(300, y, 92, stage.between.each)}
    <g class="replica">${node(430, y, 104, `replica ${name}`)}</g>
    <text class="note" x="430" y="${y + 38}">its own files</text>
  </g>`
  return { wires, nodes }
}

const node = (x: number, y: number, width: number, label: string): Html =>
  html`<g class="node"><rect x="${x - width / 2}" y="${y - 20}" width="${width}" height="40" rx="8"/><text x="${x}" y="${y + 5}">${label}</text></g>`

const store = (label: string): Html => html`<g class="store">
    ${raw('<path class="share" d="M300 80V98M300 138V156"/>')}
    <path class="drum" d="M250 103c0-7 100-7 100 0v30c0 7-100 7-100 0Z"/><path class="drum" d="M250 103c0 7 100 7 100 0" fill="none"/>
    <text x="300" y="127">${label}</text>
  </g>`

function spoken(stage: Stage): string {
  const replicas = stage.replicas.map((name) => `replica ${name}`).join(' and ')
  const shared = stage.between ? `, each through its own ${stage.between.each}; all of those share ${stage.between.shared}` : ''
  return `You reach a balancer, and it sends requests in turn to ${replicas}${shared}. Each replica keeps its own session files.`
}
