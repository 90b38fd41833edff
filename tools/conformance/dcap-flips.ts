/** Every bit or byte of what is signed in a quote and its collateral, changed one at a time. */
import { parsePem, toPem } from '@vouchsafe/x509'
import { createPlatformCache, parseQuote, QuoteError, readCollateralJson, verifyQuote } from '@vouchsafe/dcap'
import type { Collateral, VerifyOptions } from '@vouchsafe/dcap'

export interface Flips {
  part: string
  tried: number
  /** Places at which a change was accepted. */
  accepted: number[]
}

/** Members of the collateral's JSON whose bytes are signed, as text and as hex. */
const TEXTS = ['tcb_info', 'qe_identity']
const HEX = ['root_ca_crl', 'pck_crl', 'tcb_info_signature', 'qe_identity_signature']
const CHAINS = ['pck_crl_issuer_chain', 'tcb_info_issuer_chain', 'qe_identity_issuer_chain']

/** What of a sound quote and collateral can be changed without being refused: nothing. */
export function* acceptedFlips(
  quote: Buffer,
  json: Readonly<Record<string, string>>,
  options: Pick<VerifyOptions, 'at' | 'accept'>,
): Generator<Flips> {
  const cache = createPlatformCache()
  const collateral = readCollateralJson(JSON.stringify(json))
  const accepts = (bytes: Buffer, against: Collateral): boolean => {
    try {
      return verifyQuote(parseQuote(bytes), { ...options, collateral: against, cache }).accepted
    } catch (error) {
      if (error instanceof QuoteError) return false
      throw error
    }
  }
  const withMember = (name: string, value: string) => accepts(quote, readCollateralJson(JSON.stringify({ ...json, [name]: value })))

  const pem = Buffer.from(parseQuote(quote).certification.pem ?? '')
  const pemStart = pem.length > 0 ? quote.indexOf(pem) : quote.length
  yield flips('the quote', pemStart * 8, (bit) => accepts(flipped(quote, bit), collateral))
  for (const [n, { bytes }] of parsePem(pem.toString()).entries())
    yield flips(`certificate ${n + 1} of the quote`, bytes.length, (i) => {
      const chain = Buffer.from(
        pemOf(parsePem(pem.toString()).map((block, m) => (m === n ? flipped(bytes, 8 * i + (i % 8)) : block.bytes))),
      )
      // A chain of another length is refused for its lengths alone, which would prove nothing.
      return (
        chain.length <= pem.length &&
        accepts(Buffer.concat([quote.subarray(0, pemStart), padded(chain, pem.length), quote.subarray(pemStart + pem.length)]), collateral)
      )
    })
  for (const name of TEXTS) {
    const text = Buffer.from(json[name]!)
    yield flips(name, text.length, (i) => withMember(name, flipped(text, 8 * i).toString('latin1')))
  }
  for (const name of HEX) {
    const bytes = Buffer.from(json[name]!, 'hex')
    yield flips(name, bytes.length, (i) => withMember(name, flipped(bytes, 8 * i + (i % 8)).toString('hex')))
  }
  for (const name of CHAINS) {
    const blocks = parsePem(json[name]!).map(({ bytes }) => bytes)
    for (const [n, bytes] of blocks.entries())
      yield flips(`certificate ${n + 1} of ${name}`, bytes.length, (i) =>
        withMember(name, pemOf(blocks.with(n, flipped(bytes, 8 * i + (i % 8))))),
      )
  }
}

function flips(part: string, tried: number, accepts: (i: number) => boolean): Flips {
  const accepted: number[] = []
  for (let i = 0; i < tried; i++) if (accepts(i)) accepted.push(i)
  return { part, tried, accepted }
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const changed = Buffer.from(bytes)
  changed[bit >> 3]! ^= 1 << (bit & 7)
  return changed
}

/** Ends in line breaks, which PEM ignores. */
function padded(text: Buffer, length: number): Buffer {
  return Buffer.concat([text, Buffer.alloc(length - text.length, 0x0a)])
}

function pemOf(ders: readonly Buffer[]): string {
  return ders.map((der) => toPem('CERTIFICATE', der)).join('')
}
