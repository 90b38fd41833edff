import { hash } from '../hash.ts'
import { pcrDigest } from '../quote.ts'
import type { PcrBank } from '../quote.ts'
import { encodePcrSelections } from '../structures/pcr-selection.ts'
import type { PcrSelection } from '../structures/pcr-selection.ts'
import { TpmWriter } from '../structures/writer.ts'
import { commandCodes } from './command-codes.ts'
import type { SessionHash } from './session.ts'

/** The banks' PCRs as a selection. */
export function selectionOf(pcrs: readonly PcrBank[]): PcrSelection[] {
  return pcrs.map(({ algorithm, values }) => ({ algorithm, indices: [...values.keys()] }))
}

/**
 * The policy "these PCRs have these values", without a TPM: H(zeros ‖ TPM_CC_PolicyPCR ‖ selection ‖ H(values)) (TPM 2.0 Library, Part 3,
 * "TPM2_PolicyPCR"). The values need not be those of now, but for instance those after an update.
 *
 * @example
 * pcrPolicy([pcrs]).length // → 32
 */
export function pcrPolicy(pcrs: readonly PcrBank[], algorithm: SessionHash = 'sha256'): Uint8Array {
  const selections = selectionOf(pcrs)
  const digest = pcrDigest(algorithm, selections, pcrs)
  const start = new Uint8Array(digest.length)
  return hash(algorithm, [start, new TpmWriter().u32(commandCodes.PolicyPCR).finish(), encodePcrSelections(selections), digest])
}
