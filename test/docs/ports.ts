/** Pages name the ports that people use; tests run them on free ones, the same one for the same port all over a page. */
import { freePorts } from '../support/ports.ts'

const KNOWN = /\b(?:3000|3001|5000|5001|5002|6379|808\d|8404|909\d)\b/g

/** Puts free ports in the place of those that a page names. */
export type Ports = (text: string) => string

export async function portsFor(texts: readonly string[]): Promise<Ports> {
  // These two are what unstick takes where nobody says otherwise.
  const named = [...new Set([...texts.join('\n').matchAll(KNOWN)].map(([port]) => port).concat('8080', '9090'))]
  const free = await freePorts(named.length)
  const places = new Map(named.map((port, i) => [port, String(free[i])]))
  return (text) => text.replaceAll(KNOWN, (port) => places.get(port) ?? port)
}
