const LARGEST = 1024 * 1024

/** Room for template data that is not in the log as such: a few large buffers, and entries are views of them. */
export class Arena {
  bytes = new Uint8Array()
  /** Where free room begins. */
  used = 0
  readonly #chunk: number

  constructor(logLength: number) {
    this.#chunk = Math.min(2 * logLength + 1024, LARGEST)
  }

  /** Makes sure of that much free room, in a new buffer if need be. */
  reserve(length: number): void {
    if (this.bytes.length - this.used >= length) return
    this.bytes = new Uint8Array(Math.max(this.#chunk, length))
    this.used = 0
  }
}
