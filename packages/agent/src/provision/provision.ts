// Sets up the attestation key of this machine: the key itself, and a certificate that says whose it is.
import { openTpm } from '@vouchsafe/tpm'
import type { LoadedObject, Tpm } from '@vouchsafe/tpm'
import { attributeOf } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import { certificateProblem, handleText, placeOf } from '../attestation-key.ts'
import type { TpmSettings } from '../attesters/attester.ts'
import { readFromFile, requireRoom, writeCertificate } from '../certificate-store.ts'
import { AgentError } from '../errors.ts'
import { findOrMakeAk, keepAk, loadEndorsement } from './keys.ts'
import type { Endorsement } from './keys.ts'

/** Certifies the key, for this node if one is given. Meanwhile nothing else uses the TPM. */
export type Certifier = (
  tpm: Tpm,
  keys: Endorsement & { ak: LoadedObject },
  nodeId: string | undefined,
) => Promise<readonly [Certificate, ...Certificate[]]>

export interface ProvisionOptions {
  settings: TpmSettings
  certify: Certifier
  /** The name that the certificate must have, unless that is left to the certifier. */
  nodeId: string | undefined
  /** A file with the certificate of the endorsement key, where the TPM does not hold it. */
  ekCertificatePath: string | undefined
  /** Make a new key, whatever is at the handle. */
  replace: boolean
  now: number
}

export interface Provisioned {
  nodeId: string
  /** Whether the key is new. */
  made: boolean
  handle: string
  /** Where the certificate is kept. */
  place: string
  validUntil: Date
}

/**
 * Makes the key unless it is there, has it certified, and keeps key and certificate once that has turned out to be the right one: before, nothing is changed.
 * @throws {AgentError} and TpmError
 */
export async function provision({ settings, certify, nodeId, ekCertificatePath, replace, now }: ProvisionOptions): Promise<Provisioned> {
  const given = ekCertificatePath === undefined ? [] : await readFromFile(ekCertificatePath)
  if (given === undefined) throw new AgentError('input', `agent.ek_cert_path: there is no file ${ekCertificatePath}`)
  await using connection = await openTpm(settings.tpm)
  return await connection.exclusive(async (tpm) => {
    await requireRoom(tpm, settings.certificate)
    const endorsement = await loadEndorsement(tpm, given)
    const { ak, made } = await findOrMakeAk(tpm, endorsement.ek, settings, replace)
    const certificates = await certify(tpm, { ...endorsement, ak }, nodeId)
    const problem = certificateProblem(certificates[0], { publicArea: ak.publicArea, nodeId, now })
    if (problem !== undefined) throw new AgentError('collection', `the new certificate ${problem}`)
    if (made) await keepAk(tpm, ak, settings)
    await writeCertificate(tpm, settings.certificate, certificates)
    return {
      nodeId: attributeOf(certificates[0].subject, 'CN')!,
      made,
      handle: handleText(settings.akHandle),
      place: placeOf(settings),
      validUntil: certificates[0].notAfter,
    }
  })
}

/** The different keys of several attesters: most share one. */
export function distinctKeys(all: readonly TpmSettings[]): TpmSettings[] {
  const keys = new Map(all.map((settings) => [JSON.stringify([settings.tpm, settings.akHandle, settings.certificate]), settings]))
  return [...keys.values()]
}
