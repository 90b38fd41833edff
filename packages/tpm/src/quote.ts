import type { Check } from '@vouchsafe/checks'
import { TpmError } from './error.ts'
import type { HashAlgorithm, Hashes } from './hash.ts'
import { digestSizes, hash } from './hash.ts'
import type { PublicKey } from './public-key.ts'
import type { SignatureRules } from './signature-verification.ts'
import { verifySignature } from './signature-verification.ts'
import { TPM_GENERATED, attestTags, parseAttest } from './structures/attest.ts'
import type { QuoteAttest } from './structures/attest.ts'
import type { PcrSelection } from './structures/pcr-selection.ts'
import { formatPcrSelections } from './structures/pcr-selection.ts'
import type { TpmSignature } from './structures/signature.ts'
import { parseSignature } from './structures/signature.ts'

/** The claimed PCR values of one bank, by index. */
export type PcrBank = { algorithm: HashAlgorithm; values: ReadonlyMap<number, Uint8Array> }

export type QuoteEvidence = {
  /** TPMS_ATTEST, without the size of a TPM2B_ATTEST. */
  quote: Uint8Array
  /** TPMT_SIGNATURE. */
  signature: Uint8Array
  /** The attestation key. That it is one, and whose, is for the caller to know. */
  publicKey: PublicKey
  /** What the quote must have been made for, such as a nonce; `any` leaves freshness to the caller, and then there is no such check. */
  qualifyingData: Uint8Array | 'any'
  /** The PCR values that the quote must cover: all of them and no others. */
  pcrs: PcrBank | readonly PcrBank[]
}

/** What a verification found. `attest` and `signature` are there when they could be read; they can be trusted only when `valid`. */
export type QuoteVerdict = {
  valid: boolean
  /** In the order of the table in the package's README. A check that an earlier failure made impossible is left out. */
  checks: Check[]
  attest?: QuoteAttest
  signature?: TpmSignature
}

/**
 * Verifies a quote (TPM 2.0 Library, Part 3, §18.4, TPM2_Quote; Part 2, §10.12): that the key signed it, that it is a quote made by a TPM, for this
 * qualifying data, of exactly these PCRs with these values. Bad evidence is a failed check; nothing throws but a public key that can't be read, with TpmError.
 * The digest of the PCRs is computed with the hash of the signing scheme, as TPMs do, whatever the hash of the bank.
 *
 * @example
 * verifyQuote({ quote, signature, publicKey, qualifyingData: nonce, pcrs }).valid // → true
 * const replayed = verifyQuote({ quote, signature, publicKey, qualifyingData: Buffer.from('another nonce'), pcrs })
 * replayed.checks.filter(({ passed }) => !passed).map(({ name }) => name) // → ['qualifying-data']
 */
export function verifyQuote(evidence: QuoteEvidence, rules: SignatureRules = {}): QuoteVerdict {
  const banks = [evidence.pcrs].flat() as PcrBank[]
  const { attest, checks } = readQuote(evidence.quote)
  const parsed = readSignatureCheck(evidence.signature)
  checks.push(parsed.check)
  const { signature } = parsed
  if (signature) checks.push(...verifySignature(evidence.quote, signature, evidence.publicKey, rules))
  if (attest) {
    if (evidence.qualifyingData !== 'any') checks.push(compareBytes('qualifying-data', evidence.qualifyingData, attest.extraData))
    checks.push(...checkPcrs(attest, signature, banks, rules.hashes))
  }
  return { valid: checks.every(({ passed }) => passed), checks, ...(attest && { attest }), ...(signature && { signature }) }
}

/**
 * The digest that a quote of these PCRs has: H of their values, selection by selection in the list's order, in each by ascending index
 * (Part 1, §17.5, "Selecting multiple PCR"). Throws TpmError when a value is missing or not of its bank's size.
 *
 * @example
 * pcrDigest('sha256', [{ algorithm: 'sha256', indices: [7] }], [pcrs]).length // → 32
 */
export function pcrDigest(
  algorithm: HashAlgorithm,
  selections: readonly PcrSelection[],
  banks: readonly PcrBank[],
  hashes?: Hashes,
): Uint8Array {
  const values = selections.flatMap((selection) => ascending(selection.indices).map((index) => pcrValue(selection, index, banks)))
  return hash(algorithm, values, hashes)
}

function pcrValue({ algorithm }: PcrSelection, index: number, banks: readonly PcrBank[]): Uint8Array {
  const value = banks.find((bank) => bank.algorithm === algorithm)?.values.get(index)
  if (value === undefined) throw new TpmError(`PCR ${index} of ${algorithm}: its value is missing`, { field: 'pcrs' })
  // Otherwise bytes could move from one value to the next without a change of the digest.
  if (value.length !== digestSizes[algorithm as HashAlgorithm]) {
    throw new TpmError(`PCR ${index} of ${algorithm}: ${value.length} bytes are not its size`, { field: 'pcrs' })
  }
  return value
}

function readQuote(quote: Uint8Array): { attest?: QuoteAttest; checks: Check[] } {
  const view = new DataView(quote.buffer, quote.byteOffset, quote.byteLength)
  if (quote.length < 6) return { checks: [{ name: 'structure', passed: false, note: `${quote.length} bytes are no TPMS_ATTEST` }] }
  const magic = hexCheck('magic', TPM_GENERATED, view.getUint32(0), 8)
  if (!magic.passed) {
    const sized = view.getUint16(0) === quote.length - 2 && view.getUint32(2) === TPM_GENERATED
    return { checks: [sized ? { ...magic, note: 'this is a TPM2B_ATTEST: pass the TPMS_ATTEST after its 2-byte size' } : magic] }
  }
  const type = hexCheck('type', attestTags.quote, view.getUint16(4), 4)
  if (!type.passed) return { checks: [magic, type] }
  try {
    const attest = parseAttest(quote)
    if (attest.type === 'quote') return { attest, checks: [magic, type, { name: 'structure', passed: true }] }
    throw new TpmError(`${attest.type} is not a quote`)
  } catch (error) {
    return { checks: [magic, type, { name: 'structure', passed: false, note: reason(error) }] }
  }
}

function readSignatureCheck(bytes: Uint8Array): { signature?: TpmSignature; check: Check } {
  try {
    return { signature: parseSignature(bytes), check: { name: 'signature-structure', passed: true } }
  } catch (error) {
    return { check: { name: 'signature-structure', passed: false, note: reason(error) } }
  }
}

function checkPcrs(attest: QuoteAttest, signature: TpmSignature | undefined, banks: PcrBank[], hashes?: Hashes): Check[] {
  const claimed = normalised(banks.map(({ algorithm, values }) => ({ algorithm, indices: [...values.keys()] })))
  const selected = normalised(attest.pcrSelections)
  const repeated = new Set(banks.map(({ algorithm }) => algorithm)).size < banks.length
  const selection: Check = {
    name: 'pcr-selection',
    passed: claimed === selected && claimed !== 'none' && !repeated,
    expected: claimed,
    found: selected,
    ...(claimed === 'none' && { note: 'a quote of no PCRs says nothing' }),
    ...(repeated && { note: 'a bank is claimed twice' }),
  }
  if (!selection.passed || signature === undefined || signature.scheme === 'null') return [selection]
  try {
    const digest = pcrDigest(signature.hash, attest.pcrSelections, banks, hashes)
    return [
      selection,
      { ...compareBytes('pcr-digest', digest, attest.pcrDigest), note: `computed with ${signature.hash}, the hash of the signature` },
    ]
  } catch (error) {
    return [selection, { name: 'pcr-digest', passed: false, found: attest.pcrDigest.toHex(), note: reason(error) }]
  }
}

/** Text that is the same for selections of the same PCRs, whatever the order and division of the banks. */
function normalised(selections: readonly PcrSelection[]): string {
  const banks = Map.groupBy(selections, ({ algorithm }) => algorithm)
  const merged = [...banks].map(([algorithm, parts]) => ({ algorithm, indices: ascending(parts.flatMap(({ indices }) => indices)) }))
  const texts = merged.filter(({ indices }) => indices.length > 0).map((selection) => formatPcrSelections([selection]))
  return texts.sort().join('+') || 'none'
}

/** Each index once, lowest first; as they are when they are so already, which is the rule. */
function ascending(indices: number[]): number[] {
  const already = indices.every((index, i) => i === 0 || index > indices[i - 1]!)
  return already ? indices : [...new Set(indices)].sort((a, b) => a - b)
}

function hexCheck(name: string, expected: number, found: number, digits: number): Check {
  const text = (value: number) => `0x${value.toString(16).padStart(digits, '0')}`
  return { name, passed: expected === found, expected: text(expected), found: text(found) }
}

function compareBytes(name: string, expected: Uint8Array, found: Uint8Array): Check {
  return { name, passed: Buffer.compare(expected, found) === 0, expected: expected.toHex(), found: found.toHex() }
}

/** Why something could not be read. What is no TpmError is a mistake of ours and goes on. */
function reason(error: unknown): string {
  if (error instanceof TpmError) return error.message
  throw error
}
