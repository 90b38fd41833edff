/** What evidence of every TPM must pass before its log is examined (contract §8.2, with the holes of §15 closed). */
import { verifyQuote } from '@vouchsafe/tpm'
import { publicKeyOf, X509Error } from '@vouchsafe/x509'
import type { Check } from '@vouchsafe/checks'
import { HASHES, type TpmEvidence } from './tpm-evidence.ts'
import { EvidenceError, type EvidenceFacts } from './verifier.ts'

/** Public messages for the checks that raise most questions. */
const REASONS: ReadonlyMap<string, string> = new Map([
  ['signature', 'evidence.quote.signature is not a signature of quote_data by the key of ak_cert'],
  ['qualifying-data', 'evidence.quote.quote_data: the quote was not made for this nonce'],
  ['pcr-selection', 'evidence.pcrs.pcr_values are not the PCRs that were quoted'],
  ['pcr-digest', 'PCR digest mismatch: evidence.pcrs.pcr_values are not the values that were quoted'],
])

/**
 * Checks that the certificate names the node, and that its key made this quote, of exactly these PCR values, for this nonce.
 * Whether the certificate is trusted is checked elsewhere.
 * @throws {EvidenceError} at the first failure
 */
export function verifyTpmQuote(evidence: TpmEvidence, { nodeId, qualifyingData, sm2Verify }: EvidenceFacts): Check[] {
  const { certificate } = evidence
  try {
    const names = certificate.subject.attributes.filter(({ shortName }) => shortName === 'CN').map(({ value }) => value)
    if (names.length !== 1 || names[0] !== nodeId)
      throw new EvidenceError(`Certificate CommonName(${names.join(', ')}) does not match node_id(${nodeId})`)
    const { quote, signature, bank } = evidence
    const { checks } = verifyQuote(
      { quote, signature, publicKey: publicKeyOf(certificate), qualifyingData: qualifyingData ?? 'any', pcrs: bank },
      { hashes: HASHES, ...(sm2Verify && { sm2Verify }) },
    )
    const failed = checks.find(({ passed }) => !passed)
    if (failed) throw new EvidenceError(reasonOf(failed))
    const named = checks.map((check) => ({ ...check, name: `quote_${check.name.replaceAll('-', '_')}` }))
    return [{ name: 'node_id', passed: true, expected: nodeId, found: names[0]! }, ...named]
  } catch (error) {
    if (error instanceof X509Error) throw new EvidenceError(`evidence.ak_cert: ${error.message}`)
    throw error
  }
}

function reasonOf({ name, expected, found, note }: Check): string {
  const facts = [expected && `expected ${expected}`, found && `found ${found}`, note].filter(Boolean).join(', ')
  const reason = REASONS.get(name) ?? `evidence.quote: ${name}`
  return facts === '' || name === 'signature' ? reason : `${reason} (${facts})`
}
