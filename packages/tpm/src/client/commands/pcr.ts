// TPM 2.0 Library, Part 3, "Integrity Collection (PCR)".
import { TpmError } from '../../error.ts'
import type { HashAlgorithm } from '../../hash.ts'
import type { PcrBank } from '../../quote.ts'
import { algorithmIds } from '../../structures/algorithms.ts'
import { readDigestList } from '../../structures/digest.ts'
import { encodePcrSelections, formatPcrSelections, readPcrSelections } from '../../structures/pcr-selection.ts'
import type { PcrSelection } from '../../structures/pcr-selection.ts'
import { TpmWriter } from '../../structures/writer.ts'
import { commandCodes } from '../command-codes.ts'
import type { Authorization, Tpm } from '../tpm.ts'

/** A selection of PCRs in banks whose hash is known. */
export type KnownPcrSelection = PcrSelection & { algorithm: HashAlgorithm }

const NO_AUTH = new Uint8Array(0)
/** How often reading begins again because a PCR was extended meanwhile. */
const MOST_ATTEMPTS = 5

/**
 * TPM2_PCR_Read, as often as it takes for all of the selection, since a TPM returns at most eight values at a time. The values are of one
 * moment: when the TPM's update counter moves, reading begins again. Throws TpmError when a bank or PCR is not there.
 */
export async function pcrRead(tpm: Tpm, selections: readonly KnownPcrSelection[]): Promise<PcrBank[]> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const banks = await pcrReadOnce(tpm, selections)
    if (banks !== undefined) return banks
  }
  throw new TpmError('the PCRs are being extended all the time', { field: 'pcrUpdateCounter' })
}

/** Undefined when a PCR changed between the parts. */
async function pcrReadOnce(tpm: Tpm, selections: readonly KnownPcrSelection[]): Promise<PcrBank[] | undefined> {
  const found = new Map<HashAlgorithm, Map<number, Uint8Array>>()
  let counter: number | undefined
  let left = selections.map((selection) => ({ ...selection, indices: [...new Set(selection.indices)] }))
  while ((left = left.filter(({ indices }) => indices.length > 0)).length > 0) {
    const { parameters } = await tpm.execute({ code: commandCodes.PCR_Read, handles: [], parameters: encodePcrSelections(left) })
    const updates = parameters.u32('pcrUpdateCounter')
    const given = readPcrSelections(parameters).flatMap(({ algorithm, indices }) => indices.map((index) => ({ algorithm, index })))
    const digests = readDigestList(parameters)
    parameters.expectEnd('response')
    counter ??= updates
    if (counter !== updates) return undefined
    if (given.length !== digests.length)
      throw new TpmError(`PCR values: ${digests.length} for ${given.length} PCRs`, { field: 'pcrValues' })
    if (given.length === 0) throw new TpmError(`the TPM has no PCRs ${formatPcrSelections(left)}`, { field: 'pcrSelection' })
    for (const [i, { algorithm, index }] of given.entries()) {
      const asked = left.find((selection) => selection.algorithm === algorithm && selection.indices.includes(index))
      if (asked === undefined) throw new TpmError(`PCR values: ${algorithm}:${index} was not asked for`, { field: 'pcrSelectionOut' })
      asked.indices = asked.indices.filter((each) => each !== index)
      const bank = found.getOrInsertComputed(asked.algorithm, () => new Map<number, Uint8Array>())
      bank.set(index, digests[i]!)
    }
  }
  return [...found].map(([algorithm, values]) => ({ algorithm, values }))
}

/** TPM2_PCR_Extend: extends a digest into each bank that is named. */
export async function pcrExtend(
  tpm: Tpm,
  index: number,
  digests: Partial<Record<HashAlgorithm, Uint8Array>>,
  authorization: Authorization = NO_AUTH,
): Promise<void> {
  const list = Object.entries(digests) as [HashAlgorithm, Uint8Array][]
  const parameters = new TpmWriter().u32(list.length)
  for (const [algorithm, digest] of list) parameters.u16(algorithmIds[algorithm]).bytes(digest)
  await tpm.execute({ code: commandCodes.PCR_Extend, handles: [{ entity: index, authorization }], parameters: parameters.finish() })
}

/** TPM2_PCR_Reset: sets a PCR to zeros in all banks, where the platform's profile and the locality allow it (16 and 23 from locality 0). */
export async function pcrReset(tpm: Tpm, index: number, authorization: Authorization = NO_AUTH): Promise<void> {
  await tpm.execute({ code: commandCodes.PCR_Reset, handles: [{ entity: index, authorization }], parameters: NO_AUTH })
}
