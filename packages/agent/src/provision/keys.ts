// The attestation key in the TPM: made under the endorsement key, and kept at its persistent handle.
import { EK_CERTIFICATE_INDICES, createAk, createEk, loadAk, readEkCertificate, tpm2 } from '@vouchsafe/tpm'
import type { AkOptions, LoadedObject, PrimaryKind, Tpm } from '@vouchsafe/tpm'
import { parseCertificate } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import { handleText, keyProblem, readPersistent } from '../attestation-key.ts'
import type { TpmSettings } from '../attesters/attester.ts'
import { AgentError } from '../errors.ts'

/** Fast in every TPM, and every verifier knows it. */
const DEFAULT_SCHEME: AkOptions = { scheme: 'ecdsa', hash: 'sha256' }

/** The endorsement key and what its manufacturer, or whoever made the TPM, certifies of it. */
export interface Endorsement {
  ek: LoadedObject
  /** Its own, then those of CAs between; none where the TPM holds none and none was given. */
  certificates: readonly Certificate[]
}

/** Loads the endorsement key that there is a certificate for: the given one, or one that the TPM holds; without any, the P-256 key. */
export async function loadEndorsement(tpm: Tpm, given: readonly Certificate[]): Promise<Endorsement> {
  const [own] = given
  if (own !== undefined) return { ek: await createEk(tpm, own.publicKey.kind === 'rsa' ? 'rsa' : 'ecc'), certificates: given }
  for (const kind of Object.keys(EK_CERTIFICATE_INDICES) as PrimaryKind[]) {
    const der = await readEkCertificate(tpm, kind)
    if (der !== undefined) return { ek: await createEk(tpm, kind), certificates: [parseCertificate(der)] }
  }
  return { ek: await createEk(tpm, 'ecc'), certificates: [] }
}

/**
 * The attestation key at the configured handle, where there is one and `replace` doesn't say otherwise: other programs may use it. Else a new one, which is
 * not there before `keepAk`.
 * @throws {AgentError} when something else is at the handle
 */
export async function findOrMakeAk(
  tpm: Tpm,
  ek: LoadedObject,
  { akHandle, scheme }: TpmSettings,
  replace: boolean,
): Promise<{ ak: LoadedObject; made: boolean }> {
  const present = replace ? undefined : await readPersistent(tpm, akHandle)
  if (present === undefined) return { ak: await loadAk(tpm, ek, await createAk(tpm, ek, scheme ?? DEFAULT_SCHEME)), made: true }
  const problem = keyProblem(present.publicArea, scheme)
  if (problem === undefined) return { ak: present, made: false }
  throw new AgentError('collection', `the key at ${handleText(akHandle)} ${problem}; --replace removes it`)
}

/** Puts a new key at the configured handle, in place of what is there. */
export async function keepAk(tpm: Tpm, ak: LoadedObject, { akHandle }: TpmSettings): Promise<void> {
  const present = await readPersistent(tpm, akHandle)
  if (present !== undefined) await tpm2.evictControl(tpm, { object: present, persistent: akHandle })
  await tpm2.evictControl(tpm, { object: ak, persistent: akHandle })
}
