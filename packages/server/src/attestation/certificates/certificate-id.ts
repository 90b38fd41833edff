import { createHash } from 'node:crypto'
import type { Certificate, Name } from '@vouchsafe/x509'

/** The name space for object identifiers (RFC 9562 §6.6). */
const OID_NAMESPACE = Buffer.from('6ba7b8129dad11d180b400c04fd430c8', 'hex')

/**
 * A certificate's id, as the original computes it (contract §4): the version-5 UUID, without dashes, over `<serial>-<issuer>-<user>`. The
 * same certificate of another user has another id.
 */
export function certificateId({ serialNumber, issuer }: Pick<Certificate, 'serialNumber' | 'issuer'>, user: string): string {
  const digest = createHash('sha1')
    .update(OID_NAMESPACE)
    .update(`${serialNumber}-${issuerJson(issuer)}-${user}`)
    .digest()
    .subarray(0, 16)
  digest[6] = (digest[6]! & 0x0f) | 0x50
  digest[8] = (digest[8]! & 0x3f) | 0x80
  return digest.toString('hex')
}

/** The attributes by their long names, in the order of those names; of several with the same name, the last. */
function issuerJson({ attributes }: Name): string {
  const byName = new Map(attributes.map(({ longName, value }) => [longName, value]))
  const sorted = [...byName].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return `{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`
}
