// A host whose TPM is swtpm: its PCRs are extended as firmware and kernel would, and its AK gets a certificate from the server.
import {
  activateAk,
  createAk,
  createEk,
  encodePublicArea,
  loadAk,
  openTpm,
  publicAreaKey,
  quotePcrs,
  tpm2,
  type AkOptions,
  type LoadedObject,
  type PrimaryKind,
  type TpmConnection,
} from '@vouchsafe/tpm'
import { createHash } from 'node:crypto'
import { EKU } from '@vouchsafe/x509'
import type { EventLogWriter } from './event-log-writer.ts'
import { templateData, type Measurement } from './ima-log-writer.ts'
import type { Swtpm } from './swtpm.ts'
import { ask, type Answer } from './authority.ts'
import type { SentEvidence } from './evidence.ts'
import type { Entity, Pki } from './pki.ts'

export const AK_API = '/v1/attestation/ak-certificates'
export const ENROLMENT_API = '/v1/attestation/ak-enrolments'

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

export interface LiveHost extends AsyncDisposable {
  tpm: TpmConnection
  ek: LoadedObject
  ak: LoadedObject
  /** PEM, by the CA that was given. */
  ekCertificate: string
  /** What a request for a certificate holds. */
  request: { ek_certificate: string; ek_public: string; ak_public: string }
  /** SHA-256 of the endorsement key. */
  ekDigest: string
  boot(log: EventLogWriter): Promise<void>
  measure(measurements: readonly Measurement[]): Promise<void>
  evidence(akCert: string, pcrs: readonly number[], log: { type: string; bytes: Uint8Array }, nonce: Uint8Array): Promise<SentEvidence>
  /** Asks for a certificate, and answers the challenge by the TPM. */
  enroll(url: string, user: string): Promise<Answer>
  /** Opens a challenge with the TPM. */
  recover(answer: Answer['body']): Promise<string>
}

export async function liveHost(
  swtpm: Swtpm,
  pki: Pki,
  ekCa: Entity,
  kind: PrimaryKind = 'ecc',
  options: AkOptions = { scheme: 'ecdsa' },
): Promise<LiveHost> {
  const tpm = await openTpm(swtpm.address)
  const ek = await createEk(tpm, kind)
  const ak = await loadAk(tpm, ek, await createAk(tpm, ek, options))
  const ekKey = publicAreaKey(ek.publicArea)
  const ekLeaf = await pki.leaf(ekCa, 'CN=EK', {
    publicKey: ekKey,
    keyUsage: [kind === 'ecc' ? 'keyAgreement' : 'keyEncipherment'],
    extendedKeyUsage: [EKU.tcgEkCertificate],
  })
  const request = {
    ek_certificate: ekLeaf.pem,
    ek_public: base64(encodePublicArea(ek.publicArea)),
    ak_public: base64(encodePublicArea(ak.publicArea)),
  }
  const host: LiveHost = {
    tpm,
    ek,
    ak,
    ekCertificate: ekLeaf.pem,
    request,
    ekDigest: createHash('sha256')
      .update(ekKey.export({ format: 'der', type: 'spki' }))
      .digest('hex'),
    async boot(log) {
      for (const { pcr, digests } of log.extensions) await tpm2.pcrExtend(tpm, pcr, digests)
    },
    async measure(measurements) {
      for (const measurement of measurements) {
        const digest = (algorithm: string) => createHash(algorithm).update(templateData(measurement)).digest()
        await tpm2.pcrExtend(tpm, 10, { sha1: digest('sha1'), sha256: digest('sha256') })
      }
    },
    async evidence(akCert, indices, log, nonce) {
      const { quote, signature, pcrs } = await quotePcrs(tpm, {
        key: ak,
        qualifyingData: nonce,
        pcrs: [{ algorithm: 'sha256', indices: [...indices] }],
      })
      return {
        ak_cert: akCert,
        quote: { quote_data: base64(quote), signature: base64(signature) },
        pcrs: {
          hash_alg: 'sha256',
          pcr_values: [...pcrs[0]!.values].map(([pcr_index, value]) => ({ pcr_index, pcr_value: Buffer.from(value).toString('hex') })),
        },
        logs: [{ log_type: log.type, log_data: base64(log.bytes) }],
      }
    },
    async enroll(url, user) {
      const challenge = await ask(url, 'POST', `${AK_API}/challenges`, { user, body: request })
      if (challenge.status !== 200) return challenge
      const body = { challenge_id: challenge.body.challenge_id, secret: await host.recover(challenge.body) }
      return ask(url, 'POST', AK_API, { user, body })
    },
    async recover({ credential_blob, encrypted_secret }) {
      const decoded = {
        credentialBlob: Buffer.from(String(credential_blob), 'base64'),
        encryptedSecret: Buffer.from(String(encrypted_secret), 'base64'),
      }
      return base64(await activateAk(tpm, { ek, ak }, decoded))
    },
    [Symbol.asyncDispose]: () => tpm[Symbol.asyncDispose](),
  }
  return host
}
