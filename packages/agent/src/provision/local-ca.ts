import { createPrivateKey } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { publicAreaKey } from '@vouchsafe/tpm'
import type { LoadedObject } from '@vouchsafe/tpm'
import { EKU, certificatesFromPem, describePublicKey, issueCertificate } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import { AgentError, messageOf } from '../errors.ts'

/** Certificates begin a little earlier, for clocks that differ. */
const LEEWAY_MS = 5 * 60_000
const DAY_MS = 86_400_000

/** A CA whose key is in a file of this machine: for trials, and where machines are set up before they are handed out. */
export interface LocalCa {
  certificate: Certificate
  key: KeyObject
}

/** Reads PEM files. Throws AgentError when they can't be read or don't belong together. */
export async function readLocalCa(certificatePath: string, keyPath: string): Promise<LocalCa> {
  try {
    const [certificate] = certificatesFromPem(await readFile(certificatePath, 'latin1'))
    const key = createPrivateKey(await readFile(keyPath))
    if (certificate!.basicConstraints?.ca !== true) throw new Error(`${certificatePath} is not a CA certificate`)
    if (!describePublicKey(key).spki.equals(certificate!.publicKey.spki)) throw new Error(`${keyPath} is not the key of ${certificatePath}`)
    return { certificate: certificate!, key }
  } catch (error) {
    throw new AgentError('input', `CA: ${messageOf(error)}`, { cause: error })
  }
}

/** Certifies for a number of days that an attestation key belongs to a node. The proof is that this runs on the node. */
export function certifyLocally(
  { certificate, key }: LocalCa,
  ak: LoadedObject,
  nodeId: string,
  days: number,
  now: number,
): Promise<Certificate> {
  return issueCertificate({
    subject: `CN=${nodeId.replace(/[,+\\ ]/g, '\\$&')}`,
    issuer: certificate,
    signer: key,
    publicKey: publicAreaKey(ak.publicArea),
    notBefore: new Date(now - LEEWAY_MS),
    notAfter: new Date(Math.min(now + days * DAY_MS, certificate.notAfter.getTime())),
    basicConstraints: { ca: false },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [EKU.tcgAikCertificate],
  })
}
