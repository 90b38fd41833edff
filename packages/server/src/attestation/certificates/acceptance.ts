/** Which certificates and CRLs may be stored (contract §4, decisions "Certificates and CRLs"). Everything thrown is an `invalid`. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { certificatesFromPem, crlParser, parsePem, X509Error, type Certificate, type Crl } from '@vouchsafe/x509'
import { ServiceError, invalid } from '../../foundation/index.ts'

/** Characters of PEM: a certificate of 64 KiB, and a few remarks. */
const MAX_CERTIFICATE_TEXT = 128 * 1024
const MIN_RSA_BITS = 2048
const MAX_RSA_BITS = 8192
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1']
const HASHES = ['sha256', 'sha384', 'sha512', 'sm3']

/** One certificate in PEM that has not expired, with an accepted key and signature. */
export function readCertificate(content: string, now: number): Certificate {
  const refuse = (reason: string) =>
    new ServiceError('certificate_refused', { message: `The certificate is not accepted: ${reason}`, facts: { reason } })
  if (content.length > MAX_CERTIFICATE_TEXT) throw refuse(`it is longer than ${MAX_CERTIFICATE_TEXT} characters`)
  if (!isStorable(content)) throw refuse('it is not well-formed text')
  let certificate: Certificate
  try {
    const [first, second] = certificatesFromPem(content)
    if (second) throw refuse('it holds more than one certificate')
    certificate = first!
  } catch (error) {
    if (error instanceof X509Error) throw refuse(error.message)
    throw error
  }
  const { signatureAlgorithm: algorithm, publicKey: key, notAfter } = certificate
  if (notAfter.getTime() < now) throw refuse(`it expired at ${notAfter.toISOString()}`)
  if (algorithm.kind === 'unknown' || (algorithm.hash !== undefined && !HASHES.includes(algorithm.hash)))
    throw refuse(`signatures with ${algorithm.name} are not accepted`)
  if (!isStrong(certificate)) throw refuse(`keys of ${[key.kind, key.curve ?? key.bits].filter(Boolean).join(' ')} are not accepted`)
  return certificate
}

function isStrong({ publicKey: { kind, bits = 0, curve = '' } }: Certificate): boolean {
  if (kind === 'rsa' || kind === 'rsa-pss') return bits >= MIN_RSA_BITS && bits <= MAX_RSA_BITS
  return kind === 'ec' ? CURVES.includes(curve) : kind === 'sm2' || kind === 'ed25519' || kind === 'ed448'
}

/** Whether both databases store a text unchanged. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\u0000')
}

/** One CRL in PEM that is current. Its signature is checked elsewhere. */
export async function readCrl(content: string, now: number): Promise<Crl> {
  if (!isStorable(content)) throw invalid('crlContent', 'is not well-formed text')
  let crl: Crl
  try {
    crl = await crlOfPem(content)
  } catch (error) {
    if (error instanceof X509Error) throw invalid('crlContent', `: ${error.message}`)
    throw error
  }
  const { thisUpdate, nextUpdate } = crl
  if (thisUpdate.getTime() > now) throw invalid('crlContent', `: the CRL is not valid before ${thisUpdate.toISOString()}`)
  if (nextUpdate && nextUpdate.getTime() < now) throw new ServiceError('crl_expired', { facts: { nextUpdate: nextUpdate.toISOString() } })
  return crl
}

/**
 * The one CRL of a PEM text, read in small steps so that other work can run in between.
 * @throws {X509Error}
 */
export async function crlOfPem(content: string): Promise<Crl> {
  const blocks = parsePem(content).filter(({ label }) => label === 'X509 CRL')
  if (blocks.length !== 1) throw new X509Error('malformed', `PEM: ${blocks.length} blocks X509 CRL where there must be one`)
  const parser = crlParser(blocks[0]!.bytes)
  for (;;) {
    const { done, value } = parser.next()
    if (done) return value
    await nextTurn()
  }
}
