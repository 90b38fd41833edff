/** A large result, produced while it is sent. */
export class ByteStream {
  readonly chunks: AsyncIterable<Uint8Array>

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks
  }
}
