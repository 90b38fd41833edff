/**
 * A stream of bytes, encrypted and authenticated piece by piece: STREAM over AES-256-GCM (Hoang, Reyhanitabar, Rogaway, Vizár: "Online
 * Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance", 2015). A piece's nonce is its number and whether it is the last, so that
 * pieces can't be left out, moved, or cut off at the end. The key must be used for one stream only.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'

const PIECE_BYTES = 64 * 1024
const TAG_BYTES = 16
const NONCE_BYTES = 12
/** Pieces that the counter can number: 256 TiB. */
const MAX_PIECES = 2 ** 32

/** The sealed pieces of a stream. */
export async function* sealStream(key: KeyObject, aad: Buffer, plaintext: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let number = 0
  for await (const { piece, last } of pieces(plaintext, PIECE_BYTES)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce(number++, last)).setAAD(aad)
    yield Buffer.concat([cipher.update(piece), cipher.final(), cipher.getAuthTag()])
  }
}

/**
 * The input of {@link sealStream}. Only authentic data is returned.
 * @throws {SealedStreamError} with the number of the piece that was altered
 */
export async function* openStream(key: KeyObject, aad: Buffer, sealed: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let number = 0
  for await (const { piece, last } of pieces(sealed, PIECE_BYTES + TAG_BYTES)) {
    const here = number++
    if (piece.length < TAG_BYTES) throw new SealedStreamError(here)
    const decipher = createDecipheriv('aes-256-gcm', key, nonce(here, last), { authTagLength: TAG_BYTES }).setAAD(aad)
    decipher.setAuthTag(piece.subarray(-TAG_BYTES))
    const plaintext = decipher.update(piece.subarray(0, -TAG_BYTES))
    try {
      decipher.final()
    } catch {
      throw new SealedStreamError(here)
    }
    yield plaintext
  }
}

export class SealedStreamError extends Error {
  override readonly name = 'SealedStreamError'
  readonly piece: number

  constructor(piece: number) {
    super(`piece ${piece} is not authentic`)
    this.piece = piece
  }
}

function nonce(number: number, last: boolean): Buffer {
  if (number >= MAX_PIECES) throw new Error('the stream is too long')
  const bytes = Buffer.alloc(NONCE_BYTES)
  bytes.writeUInt32BE(number, NONCE_BYTES - 5)
  bytes[NONCE_BYTES - 1] = last ? 1 : 0
  return bytes
}

/** The stream in pieces of equal size; the last may be shorter, and is empty only for an empty stream. */
async function* pieces(stream: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<{ piece: Buffer; last: boolean }> {
  let waiting: Buffer[] = []
  let length = 0
  for await (const chunk of stream) {
    waiting.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    length += chunk.length
    if (length <= size) continue
    const joined = Buffer.concat(waiting)
    let start = 0
    for (; joined.length - start > size; start += size) yield { piece: joined.subarray(start, start + size), last: false }
    waiting = [joined.subarray(start)]
    length = joined.length - start
  }
  yield { piece: Buffer.concat(waiting), last: true }
}
