import type { PcrBank } from '@vouchsafe/tpm'

/** The result of a log's replay for a PCR. */
export interface Replayed {
  value: Uint8Array
  matched: boolean
}

/** `evidence.pcrs` of the policies' input (contract §9.1); PCRs that do not occur in the log have no `replay_value`. */
export function pcrsInput({ algorithm, values }: PcrBank, replayed: ReadonlyMap<number, Replayed>) {
  return {
    hash_alg: algorithm,
    pcr_values: [...values].map(([pcr_index, value]) => {
      const replay = replayed.get(pcr_index)
      return {
        pcr_index,
        pcr_value: value.toHex(),
        ...(replay === undefined ? {} : { replay_value: replay.value.toHex(), is_matched: replay.matched }),
      }
    }),
  }
}
