/** Extensions to be written into certificates and CRLs (RFC 5280 §4.2), critical where that standard wants them to be. */
import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { boolean, encodeDer, explicit, integer, namedBits, octetString, oid, sequence } from '@vouchsafe/der/writer'
import { malformed } from './errors.ts'
import { EXTENSION, KEY_USAGES } from './extensions.ts'
import type { BasicConstraints, Extension, KeyUsage } from './extensions.ts'
import { encodeGeneralName } from './general-name.ts'
import type { GeneralNameInput } from './general-name.ts'
import { describePublicKey, publicKeyBits } from './public-key.ts'

export interface ExtensionFields {
  basicConstraints?: BasicConstraints
  keyUsage?: readonly KeyUsage[]
  /** Object identifiers; see `EKU`. */
  extendedKeyUsage?: readonly string[]
  subjectAltName?: readonly GeneralNameInput[]
  /** URIs. */
  crlDistributionPoints?: readonly string[]
}

export function encodeExtensions(extensions: readonly Extension[]): Buffer {
  const ids = extensions.map((extension) => extension.oid)
  if (new Set(ids).size !== ids.length) throw malformed('extensions', 'one of them twice')
  return sequence(
    ...extensions.map(({ oid: id, critical, value }) => sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(value))),
  )
}

/** The extensions that fields ask for, in a fixed order. */
export function extensionsOf(fields: ExtensionFields): Extension[] {
  const { basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, crlDistributionPoints } = fields
  const list: Extension[] = []
  const add = (id: string, critical: boolean, value: Buffer): number => list.push({ oid: id, critical, value })
  if (basicConstraints) add(EXTENSION.basicConstraints, true, encodeBasicConstraints(basicConstraints))
  if (keyUsage) add(EXTENSION.keyUsage, true, namedBits(keyUsage.map((usage) => KEY_USAGES.indexOf(usage))))
  if (extendedKeyUsage) add(EXTENSION.extendedKeyUsage, false, sequence(...extendedKeyUsage.map(oid)))
  if (subjectAltName) add(EXTENSION.subjectAltName, false, sequence(...subjectAltName.map(encodeGeneralName)))
  if (crlDistributionPoints) add(EXTENSION.crlDistributionPoints, false, sequence(...crlDistributionPoints.map(distributionPoint)))
  return list
}

export function subjectKeyIdExtension(keyId: string): Extension {
  return { oid: EXTENSION.subjectKeyId, critical: false, value: octetString(Buffer.from(keyId, 'hex')) }
}

export function authorityKeyIdExtension(keyId: string): Extension {
  return { oid: EXTENSION.authorityKeyId, critical: false, value: sequence(encodeDer(0x80, Buffer.from(keyId, 'hex'))) }
}

/**
 * The usual key identifier: SHA-1 of the key's bits (RFC 5280 §4.2.1.2 (1)), in hex. It names the key; nothing trusts it.
 *
 * @example
 * keyIdOf(publicKey) === leaf.subjectKeyId // → true
 */
export function keyIdOf(key: KeyObject): string {
  return createHash('sha1')
    .update(publicKeyBits(describePublicKey(key)))
    .digest('hex')
}

function encodeBasicConstraints({ ca, pathLength }: BasicConstraints): Buffer {
  if (pathLength !== undefined && !ca) throw malformed('basicConstraints', 'a path length needs CA')
  return sequence(...(ca ? [boolean(true)] : []), ...(pathLength === undefined ? [] : [integer(pathLength)]))
}

function distributionPoint(uri: string): Buffer {
  return sequence(explicit(0, explicit(0, encodeGeneralName({ type: 'uri', value: uri }))))
}
