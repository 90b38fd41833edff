import { tpmBoot } from './tpm-boot.ts'
import { tpmIma } from './tpm-ima.ts'
import type { Verifier } from './verifier.ts'

/** Every verifier of this release; `attester-types.ts` names them. */
const VERIFIERS: readonly Verifier[] = [tpmBoot, tpmIma]

/** The verifier of an attester type. */
export function verifierOf(type: string): Verifier | undefined {
  return VERIFIERS.find((verifier) => verifier.type === type)
}
