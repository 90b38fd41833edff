/** One request to a witness (C2SP tlog-witness), bounded in time and size. */
import { formatAddCheckpoint, parseWitnessAnswer, type AddCheckpoint, type WitnessAnswer } from '@vouchsafe/audit-log'

/** Room for a few cosignatures: one of ML-DSA-44 has 3.3 KB as a line. */
const MAX_ANSWER_BYTES = 64 * 1024

/** A witness did not do its part; the message completes "The witness …". */
export class WitnessError extends Error {
  override readonly name = 'WitnessError'
  /** What it says contradicts this log: one of the two has shown others something else. */
  readonly isContradiction: boolean

  constructor(message: string, isContradiction = false) {
    super(message)
    this.isContradiction = isContradiction
  }
}

/**
 * Asks for cosignatures of a checkpoint; redirects are not followed. Nothing in the answer is verified yet.
 * @param url the witness's submission prefix
 * @throws {WitnessError} if there is no answer in time, or one that is too long
 * @throws {LogFormatError} for a success without signature lines
 */
export async function addCheckpoint(url: string, request: AddCheckpoint, signal: AbortSignal): Promise<WitnessAnswer> {
  let response: Response
  let body: Uint8Array
  try {
    response = await fetch(`${url}/add-checkpoint`, { method: 'POST', body: formatAddCheckpoint(request), signal, redirect: 'manual' })
    body = await readBounded(response)
  } catch (error) {
    if (error instanceof WitnessError) throw error
    throw new WitnessError(signal.aborted ? 'gave no answer in time' : `cannot be reached: ${codeOf(error)}`)
  }
  return parseWitnessAnswer(response.status, body)
}

async function readBounded(response: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) throw new WitnessError(`answered with more than ${MAX_ANSWER_BYTES / 1024} KiB`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function codeOf(error: unknown): string {
  const { cause } = error as Error
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? 'the connection failed'
}
