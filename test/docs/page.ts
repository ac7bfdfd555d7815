/** A page of the documentation, taken apart: its code blocks with their markers, its headings and its links. */

/** What the HTML comment right above a block says of it, after `docs:`. CONTRIBUTING.md explains them to those who write pages. */
export type Marker =
  /** Nothing can run it here, and why. */
  | { readonly kind: 'not run'; readonly reason: string }
  /** It stands word for word in a file of the repository, which is tested there. */
  | { readonly kind: 'part of'; readonly path: string }
  /** It is a chart's values, or some of them. */
  | { readonly kind: 'values of'; readonly chart: string }
  /** It is written to the page's folder under this name before the commands that follow. */
  | { readonly kind: 'file'; readonly name: string }
  /** It is run where a sidecar runs: on the `unstick.yaml` that the page has written, or on one of its own. */
  | { readonly kind: 'beside a sidecar' }
  /** It ends all that the page has started. */
  | { readonly kind: 'ends all' }
  /** It may go on for as long as the page's commands run, or is stopped; the next one waits until this URL answers, or this text was printed. */
  | { readonly kind: 'ready when'; readonly url?: string; readonly text?: string; readonly stops: boolean }

export interface Block {
  /** Of its first line, counted from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  readonly marker: Marker | undefined
  /** The way through the page that it belongs to, where the page has several: `haproxy` or `nginx`, say. Else to each of them. */
  readonly way: string | undefined
  /** Why its marker cannot be understood. */
  readonly flaw: string | undefined
}

export interface Link {
  readonly line: number
  readonly target: string
}

export interface Page {
  readonly blocks: readonly Block[]
  /** The ids that headings get, as GitHub makes them. */
  readonly anchors: ReadonlySet<string>
  readonly links: readonly Link[]
}

const FENCE = /^(\s*)(`{3,}|~{3,})\s*(\S*).*$/
const MARKER = /^\s*<!--\s*docs:\s*(?:with (\w+):\s*)?(.*?)\s*-->\s*$/

export function parsePage(markdown: string): Page {
  const lines = markdown.split('\n')
  const blocks: Block[] = []
  const links: Link[] = []
  const slugs = new Map<string, number>()
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i] ?? ''
    const fence = FENCE.exec(line)
    if (fence !== null) {
      const [, indent = '', ticks = '', language = ''] = fence
      const start = i + 1
      do i += 1
      while (i < lines.length && lines[i]?.trim() !== ticks)
      const text = lines.slice(start, i).map((each) => (each.startsWith(indent) ? each.slice(indent.length) : each.trimStart())).join('\n')
      blocks.push({ line: start + 1, language: language.toLowerCase(), text: `${text}\n`, ...markerOf(lines[start - 2] ?? '') })
      continue
    }
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)
    if (heading !== null) countSlug(slugs, slugOf(heading[1] ?? ''))
    const prose = line.replaceAll(/`[^`]*`/g, '')
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)/g)) links.push({ line: i + 1, target })
  }
  return { blocks, links, anchors: new Set([...slugs].flatMap(([slug, count]) => Array.from({ length: count }, (_, n) => (n === 0 ? slug : `${slug}-${n}`)))) }
}

function markerOf(line: string): Pick<Block, 'marker' | 'way' | 'flaw'> {
  const [, way, text] = MARKER.exec(line) ?? []
  return { way, ...(text === undefined ? { marker: undefined, flaw: undefined } : meaningOf(text)) }
}

function meaningOf(text: string): Pick<Block, 'marker' | 'flaw'> {
  if (text === 'beside a sidecar') return { marker: { kind: 'beside a sidecar' }, flaw: undefined }
  const [, kind, rest = ''] = /^(not run:|part of|values of|file|ready when)\s+(\S.*)$/.exec(text) ?? []
  switch (kind) {
    case 'not run:':
      // A reason that somebody can judge is a sentence.
      return rest.length >= 15 ? { marker: { kind: 'not run', reason: rest }, flaw: undefined } : { marker: undefined, flaw: 'does not say why it is not run' }
    case 'values of': return { marker: { kind: 'values of', chart: rest }, flaw: undefined }
    case 'part of': return { marker: { kind: 'part of', path: rest }, flaw: undefined }
    case 'file': return /^[\w.-]+$/.test(rest) ? { marker: { kind: 'file', name: rest }, flaw: undefined } : { marker: undefined, flaw: `names a file by more than its name: ${rest}` }
    case 'ready when': {
      if (rest === 'nothing runs any more') return { marker: { kind: 'ends all' }, flaw: undefined }
      const [, printed, url, stops] = /^(?:it prints "([^"]+)"|(https?:\S+) answers)(, then stopped)?$/.exec(rest) ?? []
      const what = printed === undefined ? url === undefined ? undefined : { url } : { text: printed }
      if (what !== undefined) return { marker: { kind: 'ready when', ...what, stops: stops !== undefined }, flaw: undefined }
      break
    }
    default:
  }
  return { marker: undefined, flaw: `has a marker that is none: ${text}` }
}

/** As GitHub does it: lower case, without punctuation, blanks as hyphens. */
function slugOf(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll(/[`*]/g, '')
  return text.toLowerCase().replaceAll(/[^\p{L}\p{N}\s_-]/gu, '').trim().replaceAll(/\s/g, '-')
}

function countSlug(slugs: Map<string, number>, slug: string): void {
  slugs.set(slug, (slugs.get(slug) ?? 0) + 1)
}
