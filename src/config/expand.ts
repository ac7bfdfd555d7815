/** `${ENV}`, `${ENV:-default}` and `${file:/path}` in the values of a configuration; `$${` is a plain `${`. */

export interface Sources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Throws as `readFileSync` does. */
  readonly readFile: (path: string) => string
}

export interface Expanded {
  readonly text: string
  /** Whether anything was put in: then the text may be secret and must not be shown. */
  readonly filled: boolean
  /** What could not be put in, as sentences that name the variable or file, never their content. */
  readonly flaws: readonly string[]
}

/** What is put in is not expanded again. `secret`: what `text` is for, so that no default is advised. */
export function expand(text: string, sources: Sources, secret: boolean): Expanded {
  if (!text.includes('${')) return { text, filled: false, flaws: [] }
  const flaws: string[] = []
  let filled = false
  const result = text.replace(/\$\$\{|\$\{([^{}]*)(\}?)/g, (_, name: string | undefined, close: string | undefined) => {
    if (name === undefined) return '${'
    filled = true
    if (close === '') {
      flaws.push('has a ${ without its } (write $${ for a plain ${)')
      return ''
    }
    const found = lookUp(name, sources, secret)
    if ('flaw' in found) flaws.push(found.flaw)
    return 'value' in found ? found.value : ''
  })
  return { text: result, filled, flaws }
}

function lookUp(name: string, { env, readFile }: Sources, secret: boolean): { value: string } | { flaw: string } {
  if (name.startsWith('file:')) return fromFile(name.slice('file:'.length), readFile)
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(name)
  if (match === null) return { flaw: 'has a ${…} that is none of ${NAME}, ${NAME:-default} and ${file:/path} (write $${ for a plain ${)' }
  const [, variable = '', fallback] = match
  // Own properties only: an environment is a plain map, and `${constructor}` is not in it.
  const value = Object.hasOwn(env, variable) ? env[variable] : undefined
  // As in a shell, `:-` also stands in for a variable that is set but empty.
  if (fallback !== undefined && (value === undefined || value === '')) return { value: fallback }
  if (value !== undefined) return { value }
  const advice = secret ? 'set it: `unstick keygen` makes one' : `set it, or write \${${variable}:-default}`
  return { flaw: `needs the environment variable ${variable}, which is not set (${advice})` }
}

function fromFile(path: string, readFile: (path: string) => string): { value: string } | { flaw: string } {
  if (!path.startsWith('/')) return { flaw: 'has a ${file:…} whose path is not absolute (write ${file:/path})' }
  try {
    // Secrets are mounted as files that mostly end in a newline, which is no part of them.
    return { value: readFile(path).replace(/\r?\n$/, '') }
  } catch (error) {
    return { flaw: `needs the file ${path}, which cannot be read (${reasonOf(error)})` }
  }
}

/** Why a file could not be read, in a word: the code of the system's error. */
export function reasonOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'no such file'
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied'
  if (code === 'EISDIR') return 'it is a folder'
  return typeof code === 'string' ? code : 'unknown reason'
}
