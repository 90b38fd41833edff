/** GeneralName (RFC 5280 §4.2.1.6): what a subject alternative name, and a distribution point, is made of. */
import { isIPv4, isIPv6 } from 'node:net'
import { DerReader, readOid } from '@vouchsafe/der'
import type { DerElement } from '@vouchsafe/der'
import { encodeDer, explicit, oid } from '@vouchsafe/der/writer'
import { malformed, X509Error } from './errors.ts'
import { encodeName, parseName } from './name.ts'
import type { Name, NameInput } from './name.ts'

const MAX_NAMES = 1024

export type GeneralName =
  | { type: 'dns' | 'email' | 'uri' | 'ip' | 'oid'; value: string }
  | { type: 'directory'; name: Name }
  /** A kind that isn't read further (otherName, x400Address, ediPartyName): its DER. */
  | { type: 'other'; raw: Buffer }

/** A general name to be written. */
export type GeneralNameInput = { type: 'dns' | 'email' | 'uri' | 'ip' | 'oid'; value: string } | { type: 'directory'; name: NameInput }

/** Reads GeneralNames' contents. Throws X509Error. */
export function parseGeneralNames(contents: Uint8Array, field: string): GeneralName[] {
  const reader = new DerReader(contents, field)
  const names: GeneralName[] = []
  while (reader.nextTag !== undefined) {
    if (names.length === MAX_NAMES) throw new X509Error('limit', `${field}: more than ${MAX_NAMES} names`)
    names.push(parseGeneralName(reader.read(), field))
  }
  return names
}

function parseGeneralName({ tag, value, raw }: DerElement, field: string): GeneralName {
  switch (tag) {
    case 0x81:
      return { type: 'email', value: ascii(value, field) }
    case 0x82:
      return { type: 'dns', value: ascii(value, field) }
    case 0x86:
      return { type: 'uri', value: ascii(value, field) }
    case 0x87:
      return { type: 'ip', value: ipText(value, field) }
    case 0x88:
      return { type: 'oid', value: readOid(value, field) }
    case 0xa4:
      return { type: 'directory', name: parseName(value, field) }
    case 0xa0:
    case 0xa3:
    case 0xa5:
      return { type: 'other', raw }
    default:
      throw malformed(field, 'unknown kind of name')
  }
}

/** DER of one name. Throws X509Error where the value isn't of its type. */
export function encodeGeneralName(input: GeneralNameInput): Buffer {
  switch (input.type) {
    case 'directory':
      return explicit(4, encodeName(input.name))
    case 'oid':
      return encodeDer(0x88, oid(input.value).subarray(2))
    case 'ip':
      return encodeDer(0x87, ipBytes(input.value))
    default: {
      if (!/^[\x21-\x7e]+$/.test(input.value)) throw malformed(`name of type ${input.type}`, 'empty, or not printable ASCII without spaces')
      return encodeDer({ email: 0x81, dns: 0x82, uri: 0x86 }[input.type], Buffer.from(input.value))
    }
  }
}

function ascii(value: Buffer, field: string): string {
  if (value.some((byte) => byte < 0x20 || byte > 0x7e)) throw malformed(field, 'name is not printable ASCII')
  return value.toString('latin1')
}

/** Dotted for IPv4; eight groups of hex for IPv6, zeros neither compressed nor padded. */
function ipText(value: Buffer, field: string): string {
  if (value.length === 4) return value.join('.')
  if (value.length !== 16) throw malformed(field, 'IP address is neither 4 nor 16 bytes')
  return (value.toHex().match(/.{4}/g) ?? []).map((group) => Number.parseInt(group, 16).toString(16)).join(':')
}

function ipBytes(text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (!isIPv6(text) || /[%.]/.test(text)) throw malformed('IP address', 'neither IPv4 nor plain IPv6')
  const [head = '', tail] = text.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const before = groups(head)
  const after = groups(tail ?? '')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return Buffer.from([...before, ...zeros, ...after].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
