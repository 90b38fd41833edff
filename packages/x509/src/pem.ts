/** PEM (RFC 7468): text of labelled base64 blocks, with anything between them. */
import { parseCertificate } from './certificate.ts'
import type { Certificate } from './certificate.ts'
import { parseCrl } from './crl.ts'
import type { Crl } from './crl.ts'
import { malformed, X509Error } from './errors.ts'

const DEFAULT_MAX_BLOCKS = 100

export interface PemBlock {
  /** `CERTIFICATE`. */
  label: string
  bytes: Buffer
}

export interface PemOptions {
  /** The maximum number of blocks; 100 by default. */
  max?: number
}

/**
 * Returns the blocks of a text, in order. Throws X509Error for a block without its end, bad base64, or too many.
 *
 * @example
 * const [block] = parsePem(toPem('CERTIFICATE', leaf.der))
 * const found = [block.label, block.bytes.equals(leaf.der)] // → ['CERTIFICATE', true]
 */
export function parsePem(text: string, { max = DEFAULT_MAX_BLOCKS }: PemOptions = {}): PemBlock[] {
  const blocks: PemBlock[] = []
  const boundary = /-----(BEGIN|END) ([A-Z0-9 .#_-]{1,64}?)-----/g
  let open: { label: string; start: number } | undefined
  for (let match = boundary.exec(text); match; match = boundary.exec(text)) {
    const [whole, kind, label = ''] = match
    if (kind === 'BEGIN') {
      if (open) throw malformed('PEM', 'a block begins inside another')
      if (blocks.length === max) throw new X509Error('limit', `PEM: more than ${max} blocks`)
      open = { label, start: match.index + whole.length }
    } else {
      if (open?.label !== label) throw malformed('PEM', 'a block ends that has not begun')
      blocks.push({ label, bytes: fromBase64(text.slice(open.start, match.index)) })
      open = undefined
    }
  }
  if (open) throw malformed('PEM', 'a block without its end')
  return blocks
}

/**
 * Reads all certificates of a text and ignores blocks of other kinds. Throws X509Error, also if there is no certificate.
 *
 * @example
 * const text = toPem('CERTIFICATE', leaf.der) + toPem('CERTIFICATE', ca.der)
 * certificatesFromPem(text).map(({ subject }) => attributeOf(subject, 'CN')) // → ['host-7', 'Example CA']
 */
export function certificatesFromPem(text: string, options?: PemOptions): Certificate[] {
  return blocksOf(text, ['CERTIFICATE', 'X509 CERTIFICATE'], options).map(parseCertificate)
}

/**
 * Reads all CRLs of a text and ignores blocks of other kinds. Throws X509Error, also if there is no CRL.
 *
 * @example
 * crlsFromPem(toPem('X509 CRL', crl.der)).length // → 1
 */
export function crlsFromPem(text: string, options?: PemOptions): Crl[] {
  return blocksOf(text, ['X509 CRL'], options).map((der) => parseCrl(der))
}

/**
 * Returns one PEM block, in lines of 64 characters.
 *
 * @example
 * toPem('CERTIFICATE', leaf.der).split('\n')[0] // → '-----BEGIN CERTIFICATE-----'
 */
export function toPem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${der.toBase64().replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
}

function blocksOf(text: string, labels: readonly string[], options?: PemOptions): Buffer[] {
  const found = parsePem(text, options).filter(({ label }) => labels.includes(label))
  if (found.length === 0) throw malformed('PEM', `no block ${labels[0]}`)
  return found.map(({ bytes }) => bytes)
}

function fromBase64(text: string): Buffer {
  const compact = text.replace(/[ \t\r\n]/g, '')
  const bytes = Buffer.from(compact, 'base64')
  // Node's decoder skips characters that are not base64; the round trip finds them.
  if (compact === '' || bytes.toString('base64') !== compact) throw malformed('PEM', 'a block is not base64')
  return bytes
}
