import { DerError, DerReader, TAG } from '@vouchsafe/der'
import { TpmError } from '../error.ts'
import { nvRead } from './commands/nv.ts'
import { createPrimary } from './commands/object.ts'
import type { Creation, LoadedObject } from './commands/object.ts'
import { policySecret } from './commands/session.ts'
import { hierarchies } from './handles.ts'
import { TpmResponseError } from './response-code.ts'
import { withSession } from './scoped.ts'
import type { Session } from './session.ts'
import { ekTemplates } from './templates.ts'
import type { PrimaryKind } from './templates.ts'
import type { Authorization, Tpm } from './tpm.ts'

/** NV indices of the manufacturer's certificates for the default EKs (TCG EK Credential Profile, "NV Index usage"). */
export const EK_CERTIFICATE_INDICES: Readonly<Record<PrimaryKind, number>> = { rsa: 0x01c00002, ecc: 0x01c0000a }

/** How to reach the endorsement hierarchy; its authorization value is empty unless someone has set it. */
export interface EndorsementOptions {
  endorsementAuth?: Authorization
}

/**
 * The default endorsement key, transient. Its private part comes from the endorsement seed, so it is the same until the seed changes.
 *
 * @example
 * await tpm.exclusive(async (tpm) => {
 *   const ek = await createEk(tpm, 'ecc')
 *   ek.publicArea.type // → 'ecc'
 * })
 */
export function createEk(tpm: Tpm, kind: PrimaryKind, { endorsementAuth }: EndorsementOptions = {}): Promise<LoadedObject & Creation> {
  return createPrimary(tpm, {
    hierarchy: 'endorsement',
    template: ekTemplates[kind],
    ...(endorsementAuth !== undefined && { authorization: endorsementAuth }),
  })
}

/**
 * Does one thing that needs the default EK's authorization: a session that satisfies its policy, PolicySecret(endorsement), for one command. It is salted with the
 * EK, so that what goes to the TPM and comes back is encrypted.
 *
 * @example
 * const { publicBytes, privateBytes } = akBlob
 * await tpm.exclusive(async (tpm) => {
 *   const ak = await withEkPolicy(tpm, ek, {}, (authorization) => tpm2.load(tpm, { parent: ek, authorization, publicBytes, privateBytes }))
 *   ak.name.length // → 34
 * })
 */
export function withEkPolicy<T>(
  tpm: Tpm,
  ek: LoadedObject,
  { endorsementAuth }: EndorsementOptions,
  work: (authorization: { session: Session }) => Promise<T>,
): Promise<T> {
  return withSession(tpm, { kind: 'policy', saltKey: ek }, async (session) => {
    await policySecret(tpm, session, hierarchies.endorsement, endorsementAuth)
    return await work({ session })
  })
}

/**
 * The manufacturer's X.509 certificate of the default EK in DER, undefined when the TPM has none. Whether it is the EK's, and whom to trust, is not checked.
 *
 * @example
 * await readEkCertificate(tpm, 'rsa') // → undefined
 */
export async function readEkCertificate(tpm: Tpm, kind: PrimaryKind): Promise<Uint8Array | undefined> {
  try {
    return withoutPadding(await nvRead(tpm, EK_CERTIFICATE_INDICES[kind]))
  } catch (error) {
    const codes = ['TPM_RC_HANDLE', 'TPM_RC_NV_UNINITIALIZED']
    if (error instanceof TpmResponseError && codes.includes(error.codeName)) return undefined
    throw error
  }
}

/** Manufacturers fill up the index after the certificate. */
function withoutPadding(data: Uint8Array): Uint8Array {
  try {
    return Uint8Array.from(new DerReader(data, 'EK certificate').read(TAG.sequence).raw)
  } catch (error) {
    if (!(error instanceof DerError)) throw error
    throw new TpmError(`${error.message}: the NV index holds no certificate`, { field: 'EK certificate' })
  }
}
