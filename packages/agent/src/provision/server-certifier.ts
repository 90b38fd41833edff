import { activateAk } from '@vouchsafe/tpm'
import { attributeOf, certificatesFromPem, toPem } from '@vouchsafe/x509'
import type { Certificate } from '@vouchsafe/x509'
import { MAX_CERTIFICATES } from '../certificate-store.ts'
import { AgentError, messageOf } from '../errors.ts'
import type { ServerClient } from '../server-client.ts'
import type { Certifier } from './provision.ts'

/**
 * Has the server certify the key: it makes a credential that only the TPM of the endorsement key opens, and only while it has the attestation key loaded
 * (TPM 2.0 Library, Part 1, "Credential Protection"). The name in the certificate is the server's choice.
 */
export function certifyAtServer(server: ServerClient): Certifier {
  return async (tpm, { ek, ak, certificates }, nodeId) => {
    if (certificates.length === 0)
      throw new AgentError(
        'collection',
        "the TPM holds no certificate for its endorsement key, which the server needs: get it from the TPM's manufacturer and set agent.ek_cert_path",
      )
    const ekCertificate = certificates.map(({ der }) => toPem('CERTIFICATE', der)).join('')
    const challenge = await server.call((authority) =>
      authority.challengeAk({ ek_certificate: ekCertificate, ek_public: ek.publicBytes, ak_public: ak.publicBytes }),
    )
    const { challenge_id, node_id, credential_blob, encrypted_secret } = challenge
    // Checked before a certificate is requested: the server issues a limited number a day, and renewal retries every ten minutes.
    if (nodeId !== undefined && node_id !== nodeId)
      throw new AgentError('collection', `the server's certificate would be for the node '${node_id.slice(0, 255)}', not for '${nodeId}'`)
    const secret = await activateAk(tpm, { ek, ak }, { credentialBlob: credential_blob, encryptedSecret: encrypted_secret })
    const issued = await server.call((authority) => authority.issueAkCertificate(challenge_id, secret))
    try {
      return certificatesFromPem(issued.certificate, { max: MAX_CERTIFICATES }) as [Certificate, ...Certificate[]]
    } catch (error) {
      throw new AgentError('server', `its certificate can't be read: ${messageOf(error)}`, { cause: error })
    }
  }
}

/** Whether a certificate is one of a server's, by the name of its CA. */
export function isOfServer({ issuer }: Certificate): boolean {
  return attributeOf(issuer, 'O') === 'Vouchsafe' && attributeOf(issuer, 'CN')?.startsWith('Attestation keys of ') === true
}
