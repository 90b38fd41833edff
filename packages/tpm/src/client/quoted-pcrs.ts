import { TpmError } from '../error.ts'
import type { Hashes } from '../hash.ts'
import { pcrDigest } from '../quote.ts'
import type { PcrBank } from '../quote.ts'
import { parseAttest } from '../structures/attest.ts'
import { parseSignature } from '../structures/signature.ts'
import { quote } from './commands/attestation.ts'
import type { SigningOptions } from './commands/attestation.ts'
import { pcrRead } from './commands/pcr.ts'
import type { KnownPcrSelection } from './commands/pcr.ts'
import type { Tpm } from './tpm.ts'

/** A quote with the PCR values that it covers, in the form that `verifyQuote` takes them. */
export interface QuotedPcrs {
  /** TPMS_ATTEST. */
  quote: Uint8Array
  /** TPMT_SIGNATURE. */
  signature: Uint8Array
  pcrs: PcrBank[]
}

export interface QuotePcrsOptions extends SigningOptions {
  pcrs: readonly KnownPcrSelection[]
  /** For a key that signs with SM3. */
  hashes?: Hashes
}

/** How often it begins again because a PCR was extended between the quote and the reading of its values. */
const MOST_ATTEMPTS = 5

/**
 * A quote, and the values of its PCRs at that moment. Others may extend PCRs meanwhile (IMA does so at any time), so the values are compared with the quote's
 * digest. Throws TpmError when the PCRs do not rest.
 *
 * @example
 * await tpm.exclusive(async (tpm) => {
 *   const key = await loadAk(tpm, ek, akBlob)
 *   const evidence = await quotePcrs(tpm, { key, qualifyingData: nonce, pcrs: [{ algorithm: 'sha256', indices: [0, 7] }] })
 *   verifyQuote({ ...evidence, publicKey: publicAreaKey(key.publicArea), qualifyingData: nonce }).valid // → true
 * })
 */
export async function quotePcrs(tpm: Tpm, options: QuotePcrsOptions): Promise<QuotedPcrs> {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const { attest: bytes, signature } = await quote(tpm, options)
    const pcrs = await pcrRead(tpm, options.pcrs)
    const attest = parseAttest(bytes)
    const scheme = parseSignature(signature)
    if (attest.type !== 'quote' || scheme.scheme === 'null') throw new TpmError('quote: the TPM gave something else', { field: 'quote' })
    if (Buffer.compare(pcrDigest(scheme.hash, attest.pcrSelections, pcrs, options.hashes), attest.pcrDigest) === 0)
      return { quote: bytes, signature, pcrs }
  }
  throw new TpmError('the PCRs are being extended all the time', { field: 'pcrs' })
}
