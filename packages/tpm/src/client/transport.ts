// What carries commands to a TPM and responses back. A transport sends one command at a time; the client's queue sees to that.
import { TpmError } from '../error.ts'

export interface TpmTransport {
  /** Sends a whole command and returns the whole response, whose length is that in its header. After any error nothing more can be sent. */
  exchange(command: Uint8Array): Promise<Uint8Array>
  /** Ends the connection; an exchange that is under way fails. */
  close(): Promise<void>
}

/** The largest command and response: TPM_PT_MAX_COMMAND_SIZE and TPM_PT_MAX_RESPONSE_SIZE of every TPM are at most this. */
export const MAX_MESSAGE = 4096
/** Tag, size and code, of commands and responses (TPM 2.0 Library, Part 1, "Command/Response Header"). */
export const HEADER_SIZE = 10
const TAG_AND_SIZE = 6

const TAGS = [0x00c4, 0x8001, 0x8002] // TPM_ST_RSP_COMMAND (of a TPM 1.2, or for a bad tag), TPM_ST_NO_SESSIONS, TPM_ST_SESSIONS

/**
 * Collects one response from the pieces in which it comes. `add` returns the response once it is whole, and throws TpmError as soon as it
 * cannot be one, so that never more than MAX_MESSAGE bytes and one piece are held.
 */
export class ResponseCollector {
  #bytes = new Uint8Array(0)

  get received(): number {
    return this.#bytes.length
  }

  add(piece: Uint8Array): Uint8Array | undefined {
    const bytes = new Uint8Array(this.#bytes.length + piece.length)
    bytes.set(this.#bytes)
    bytes.set(piece, this.#bytes.length)
    this.#bytes = bytes
    if (bytes.length < TAG_AND_SIZE) return undefined
    const view = new DataView(bytes.buffer)
    const tag = view.getUint16(0)
    if (!TAGS.includes(tag)) throw new TpmError(`response: tag 0x${tag.toString(16)} is none of a response`, { field: 'tag', offset: 0 })
    const size = view.getUint32(2)
    if (size < HEADER_SIZE || size > MAX_MESSAGE)
      throw new TpmError(`response: size ${size} is not from ${HEADER_SIZE} to ${MAX_MESSAGE}`, { field: 'responseSize', offset: 2 })
    if (bytes.length > size)
      throw new TpmError(`response: ${bytes.length - size} bytes after its end`, { field: 'responseSize', offset: size })
    return bytes.length === size ? bytes : undefined
  }
}
