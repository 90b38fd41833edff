import { TpmError } from '../../error.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import type { Tpm } from '../tpm.ts'

/**
 * The most random bytes asked for in one call, which takes several commands: a TPM returns at most as many as its largest digest at a time.
 */
const RANDOM_LIMIT = 65536

/** TPM2_GetRandom (TPM 2.0 Library, Part 3, "TPM2_GetRandom"), repeated until there are enough bytes. */
export async function getRandom(tpm: Tpm, length: number): Promise<Uint8Array> {
  if (!Number.isInteger(length) || length < 0 || length > RANDOM_LIMIT)
    throw new TpmError(`length: ${length} is not from 0 to ${RANDOM_LIMIT}`, { field: 'length' })
  const random = new Uint8Array(length)
  for (let filled = 0; filled < length;) {
    const wanted = Math.min(length - filled, 0xffff)
    const { parameters } = await tpm.execute({
      code: commandCodes.GetRandom,
      handles: [],
      parameters: new TpmWriter().u16(wanted).finish(),
    })
    const bytes = parameters.sized('randomBytes', wanted)
    parameters.expectEnd('response')
    if (bytes.length === 0) throw new TpmError('randomBytes: the TPM gave none', { field: 'randomBytes' })
    random.set(bytes, filled)
    filled += bytes.length
  }
  return random
}
