/** Which ways a large body may go. */
export interface Volume {
  /** As docs/http.md names it. */
  readonly id: string
  readonly up: boolean
  readonly chunked: boolean
}

export const volumes: readonly Volume[] = [
  { id: 'volume-down', up: false, chunked: false },
  { id: 'volume-down-chunked', up: false, chunked: true },
  { id: 'volume-up', up: true, chunked: false },
  { id: 'volume-up-chunked', up: true, chunked: true },
]
