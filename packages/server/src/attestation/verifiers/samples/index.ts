import type { AttesterType } from '../../attester-types.ts'
import type { PolicyInput } from '../verifier.ts'
import { TPM_BOOT_SAMPLE } from './tpm-boot.ts'
import { TPM_IMA_SAMPLE } from './tpm-ima.ts'

/** Inputs as evidence of each kind makes them: policies are tried on them before they are stored. */
export const SAMPLES: Readonly<Record<AttesterType, readonly PolicyInput[]>> = {
  tpm_boot: [TPM_BOOT_SAMPLE],
  tpm_ima: [TPM_IMA_SAMPLE],
}
