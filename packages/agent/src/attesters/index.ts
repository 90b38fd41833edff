import type { Attester } from './attester.ts'
import { tpmBoot } from './tpm-boot.ts'
import { tpmIma } from './tpm-ima.ts'

/** Every kind of evidence that this program can collect. */
export const ATTESTERS: readonly Attester[] = [tpmBoot, tpmIma]
