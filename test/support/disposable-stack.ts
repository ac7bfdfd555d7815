/** Tests dispose of what they start with AsyncDisposableStack, which Node 22 does not have. What of it they use. */
class Stack implements AsyncDisposable {
  readonly #undo: (() => unknown)[] = []

  use<T extends AsyncDisposable>(resource: T): T {
    this.#undo.push(() => resource[Symbol.asyncDispose]())
    return resource
  }

  defer(undo: () => unknown): void {
    this.#undo.push(undo)
  }

  /** In the opposite order; all of them, and the first error at the end. */
  async disposeAsync(): Promise<void> {
    const errors: unknown[] = []
    for (const undo of this.#undo.splice(0).toReversed()) await (async () => undo())().catch((error: unknown) => { errors.push(error) })
    if (errors.length > 0) throw errors[0]
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.disposeAsync()
  }
}

if (!('AsyncDisposableStack' in globalThis)) Object.assign(globalThis, { AsyncDisposableStack: Stack })
