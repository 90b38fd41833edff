import { readFileSync } from 'node:fs'
import type { SentEvidence } from '@vouchsafe/testkit/evidence'
import type { Entity, Pki } from '@vouchsafe/testkit/pki'
import { certificatesFromPem, publicKeyOf } from '@vouchsafe/x509'

/** The evidence that the document shows: a real TPM's quote and log. */
export function documentSample() {
  const text = readFileSync(new URL('../fixtures/document-evidence.json', import.meta.url), 'utf8')
  return JSON.parse(text) as {
    agent_version: string
    nonce_type: string
    measurements: { node_id: string; nonce: unknown; evidences: { attester_type: string; evidence: SentEvidence }[] }[]
  }
}

/** The same with a certificate over the same key that another CA issued, as its own CA isn't public. */
export async function documentSampleOf(pki: Pki, ca: Entity) {
  const sample = documentSample()
  const { evidence } = sample.measurements[0]!.evidences[0]!
  const publicKey = publicKeyOf(certificatesFromPem(evidence.ak_cert)[0]!)
  evidence.ak_cert = (await pki.leaf(ca, 'CN=TPM AK', { publicKey })).pem
  return sample
}
